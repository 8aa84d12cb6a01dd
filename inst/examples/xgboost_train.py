"""Distributed XGBoost with Ray Train, on a Ray cluster that exists for one step.

    python xgboost_train.py run
    python xgboost_train.py run --data california_housing.csv --rounds 200

Needs: pip install "ray[train]" xgboost scikit-learn
"""

import os

from metaflow import FlowSpec, Parameter, current, ray_parallel, step

LABEL = "median_house_value"


def train_loop(config):
    """What each of Ray Train's workers runs: XGBoost on its share of the rows."""
    import tempfile

    import ray.train
    import xgboost

    rows = ray.train.get_dataset_shard("train").materialize().to_pandas()
    matrix = xgboost.DMatrix(rows.drop(columns=config["label"]), rows[config["label"]])
    history = {}
    # The workers find each other through what XGBoostTrainer has set up: they grow the same trees.
    model = xgboost.train(
        config["params"],
        matrix,
        num_boost_round=config["rounds"],
        evals=[(matrix, "train")],
        evals_result=history,
        verbose_eval=False,
    )
    with tempfile.TemporaryDirectory() as folder:
        checkpoint = None
        if ray.train.get_context().get_world_rank() == 0:
            model.save_model(os.path.join(folder, "model.ubj"))
            checkpoint = ray.train.Checkpoint.from_directory(folder)
        metrics = {"rmse": history["train"]["rmse"][-1], "rows": len(rows)}
        ray.train.report(metrics, checkpoint=checkpoint)


class XGBoostTrainFlow(FlowSpec):
    data = Parameter(
        "data",
        help="California housing as CSV; made-up data where the file is missing",
        default="../shared/data/california_housing.csv",
    )
    rounds = Parameter("rounds", help="Trees", default=100)
    workers = Parameter("workers", help="Workers, one a node", default=2)

    @step
    def start(self):
        import pandas
        from sklearn.datasets import make_friedman1

        if os.path.exists(self.data):
            frame = pandas.read_csv(self.data).dropna()
        else:
            x, y = make_friedman1(n_samples=5000, noise=0.1, random_state=1)
            frame = pandas.DataFrame(x, columns=[f"x{i}" for i in range(x.shape[1])])
            frame[LABEL] = y
        frame[LABEL] /= frame[LABEL].std()
        self.test = frame.sample(frac=0.2, random_state=1)
        self.train_rows = frame.drop(self.test.index)
        self.next(self.train, num_parallel=self.workers)

    @ray_parallel(num_cpus=2)  # on each node: one core for XGBoost, one for Ray Data
    @step
    def train(self):
        import ray
        import xgboost
        from ray.train import RunConfig, ScalingConfig
        from ray.train.xgboost import XGBoostTrainer

        ray.init(log_to_driver=False)  # Ray Train's progress would fill the log
        trainer = XGBoostTrainer(
            train_loop,
            train_loop_config={
                "label": LABEL,
                "rounds": self.rounds,
                "params": {"objective": "reg:squarederror", "eta": 0.1, "nthread": 1},
            },
            datasets={"train": ray.data.from_pandas(self.train_rows)},
            scaling_config=ScalingConfig(num_workers=self.workers),
            run_config=RunConfig(name="xgboost", storage_path=current.ray_storage_path),
        )
        result = trainer.fit()
        self.train_rmse = result.metrics["rmse"]
        self.rows_of_a_worker = result.metrics["rows"]
        with result.checkpoint.as_directory() as folder:
            self.model = xgboost.Booster(model_file=os.path.join(folder, "model.ubj"))
        self.next(self.score)

    @step
    def score(self, inputs):
        import xgboost

        self.merge_artifacts(inputs)
        predicted = self.model.predict(xgboost.DMatrix(self.test.drop(columns=LABEL)))
        self.test_rmse = float(((predicted - self.test[LABEL]) ** 2).mean() ** 0.5)
        self.next(self.end)

    @step
    def end(self):
        print(
            f"{self.rounds} trees, grown by {self.workers} workers of {self.rows_of_a_worker} rows"
        )
        print(f"error in training {self.train_rmse:.3f}, on held-out rows {self.test_rmse:.3f}")
        print("(1 is the standard deviation of what is predicted)")


if __name__ == "__main__":
    XGBoostTrainFlow()
