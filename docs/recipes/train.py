# /srv/app/train.py: nothing in it knows of the library
from torch.utils.data import DataLoader, Dataset

from project import example, load, train


class Records(Dataset):
    def __init__(self, records):
        self.records = records

    def __len__(self):
        return len(self.records)

    def __getitem__(self, index):
        return example(self.records[index])


def main():
    dataset = Records(load())
    # from Python 3.14 on, this has to be said: multiprocessing's default shares nothing
    loader = DataLoader(dataset, batch_size=64, shuffle=True, num_workers=4, multiprocessing_context="fork")
    for _ in range(2):
        for batch in loader:
            train(batch)


if __name__ == "__main__":
    main()
