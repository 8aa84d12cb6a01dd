"""A search for XGBoost's settings with Ray Tune and Optuna, on a Ray cluster of one step.

    python tune_optuna.py run
    python tune_optuna.py run --data california_housing.csv --trials 50

Needs: pip install "ray[tune]" optuna xgboost scikit-learn
"""

import os

from metaflow import FlowSpec, Parameter, current, ray_parallel, step

LABEL = "median_house_value"


def trial(config, rows, folds):
    """The cross-validated error of one point, which Tune gives to one core."""
    import ray.tune
    import xgboost

    matrix = xgboost.DMatrix(rows.drop(columns=LABEL), rows[LABEL])
    params = {**config, "objective": "reg:squarederror", "nthread": 1}
    scores = xgboost.cv(params, matrix, num_boost_round=50, nfold=folds, seed=1)
    ray.tune.report({"rmse": scores["test-rmse-mean"].iloc[-1]})


class TuneOptunaFlow(FlowSpec):
    data = Parameter(
        "data",
        help="California housing as CSV; made-up data where the file is missing",
        default="../shared/data/california_housing.csv",
    )
    trials = Parameter("trials", help="Points to try", default=16)

    @step
    def start(self):
        import pandas
        from sklearn.datasets import make_friedman1

        if os.path.exists(self.data):
            self.rows = pandas.read_csv(self.data).dropna().sample(4000, random_state=1)
        else:
            x, y = make_friedman1(n_samples=2000, noise=0.1, random_state=1)
            self.rows = pandas.DataFrame(x, columns=[f"x{i}" for i in range(x.shape[1])])
            self.rows[LABEL] = y
        self.rows[LABEL] /= self.rows[LABEL].std()
        self.next(self.search, num_parallel=2)

    @ray_parallel
    @step
    def search(self):
        import ray
        from ray import tune
        from ray.tune.search import ConcurrencyLimiter
        from ray.tune.search.optuna import OptunaSearch

        ray.init(log_to_driver=False)
        cores = int(ray.cluster_resources()["CPU"])
        optuna = OptunaSearch(metric="rmse", mode="min", seed=1)
        tuner = tune.Tuner(
            tune.with_parameters(trial, rows=self.rows, folds=3),
            param_space={
                "eta": tune.loguniform(0.02, 0.5),
                "max_depth": tune.randint(2, 9),
                "subsample": tune.uniform(0.5, 1),
            },
            tune_config=tune.TuneConfig(
                num_samples=self.trials, search_alg=ConcurrencyLimiter(optuna, max_concurrent=cores)
            ),
            run_config=tune.RunConfig(
                name="optuna", storage_path=current.ray_storage_path, verbose=0
            ),
        )
        results = tuner.fit()
        if results.errors:
            raise results.errors[0]
        self.scores = results.get_dataframe()[
            ["rmse", "config/eta", "config/max_depth", "config/subsample"]
        ].sort_values("rmse")
        self.next(self.pick)

    @step
    def pick(self, inputs):
        self.merge_artifacts(inputs)
        self.best = self.scores.iloc[0].to_dict()
        self.next(self.end)

    @step
    def end(self):
        print(f"{len(self.scores)} points tried; the best three:")
        print(self.scores.head(3).round(3).to_string(index=False))


if __name__ == "__main__":
    TuneOptunaFlow()
