# /srv/app/search.py: a table that a pipeline takes its features from
from joblib import parallel_config
from sklearn.linear_model import Ridge
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

from project import example, load, samples, tell

RECORDS = load()  # a global: what tasks are handed is pickled for each of them


def features(products):
    return [[example(RECORDS[product])] for product in products.ravel()]


def main():
    pipeline = make_pipeline(FunctionTransformer(features), Ridge())
    # joblib's own default, loky, starts new programs, which share nothing
    with parallel_config(backend="multiprocessing", n_jobs=4):
        search = GridSearchCV(pipeline, {"ridge__alpha": [0.1, 1, 10]})
        tell(search.fit(*samples()).cv_results_["mean_test_score"])


if __name__ == "__main__":
    main()
