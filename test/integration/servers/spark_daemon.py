"""spark.python.daemon.module: pyspark.daemon that imports the application before it forks."""

import app  # noqa: F401
from pyspark import daemon

if __name__ == "__main__":
    daemon.manager()
