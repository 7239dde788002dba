# /srv/app/prices.py: a table that the function of Dataset.map() looks into
from datasets import Dataset

from project import example, load

RECORDS = load()  # a global: a variable of main() would be pickled into each worker


def add_price(order):
    return {"price": example(RECORDS[order["product"]])}


def main():
    orders = Dataset.from_parquet("orders.parquet")
    orders.map(add_price, num_proc=4).to_parquet("priced.parquet")


if __name__ == "__main__":
    main()
