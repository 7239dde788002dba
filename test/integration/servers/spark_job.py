"""A Spark driver: `spark_job.py MASTER CONFIGURATIONS RESULTS`.

For each of a list of configurations, what two workers answer in their first task and the sum of a
thousand squares. Java is started only once. The last two arguments are files in JSON.
"""

import json
import sys

from pyspark import BarrierTaskContext, SparkConf, SparkContext


def tell(numbers):
    import app

    BarrierTaskContext.get().barrier()  # one worker cannot answer twice
    yield dict(app.state(), **app.collect())


def run(master, configuration):
    conf = SparkConf().setMaster(master).setAppName("gcfreeze").setAll(configuration.items())
    with SparkContext(conf=conf) as context:
        answers = context.parallelize(range(2), 2).barrier().mapPartitions(tell).collect()
        numbers = context.parallelize(range(1000), 4)
        return {"answers": answers, "sum": numbers.map(lambda number: number * number).sum()}


master, configurations, results = sys.argv[1:]
with open(configurations) as file:
    wanted = json.load(file)
with open(results, "w") as file:
    json.dump([run(master, configuration) for configuration in wanted], file)
