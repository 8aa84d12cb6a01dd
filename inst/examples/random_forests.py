"""20 random forests, one after another and then on a Ray cluster of one step.

    python random_forests.py run
    python random_forests.py run --data california_housing.csv --trees 200

Needs: pip install scikit-learn pandas
"""

import os
import time

from metaflow import FlowSpec, Parameter, ray_parallel, step


def fit_forest(seed, x, y, trees):
    """The out-of-bag R squared of one forest, on one core."""
    from sklearn.ensemble import RandomForestRegressor

    forest = RandomForestRegressor(
        trees, max_features=1 / 3, min_samples_leaf=5, oob_score=True, n_jobs=1, random_state=seed
    )
    return forest.fit(x, y).oob_score_


class RandomForestsFlow(FlowSpec):
    data = Parameter(
        "data",
        help="California housing as CSV; made-up data where the file is missing",
        default="../shared/data/california_housing.csv",
    )
    forests = Parameter("forests", help="Forests", default=20)
    trees = Parameter("trees", help="Trees in a forest", default=50)

    @step
    def start(self):
        import pandas
        from sklearn.datasets import make_friedman1

        if os.path.exists(self.data):
            houses = pandas.read_csv(self.data).dropna()
            self.y = houses.pop("median_house_value").to_numpy()
            self.x = houses.to_numpy()
        else:
            self.x, self.y = make_friedman1(n_samples=5000, noise=1, random_state=1)
        self.next(self.compare, num_parallel=2)

    @ray_parallel
    @step
    def compare(self):
        import ray

        start = time.perf_counter()
        one_by_one = [fit_forest(i, self.x, self.y, self.trees) for i in range(self.forests)]
        self.one_by_one_s = time.perf_counter() - start

        ray.init(log_to_driver=False)
        self.cores = int(ray.cluster_resources()["CPU"])
        fit = ray.remote(fit_forest)
        x, y = ray.put(self.x), ray.put(self.y)
        # Python and scikit-learn start in the workers; later calls find them there.
        ray.get([fit.remote(0, self.x[:20], self.y[:20], 5) for _ in range(self.cores)])
        start = time.perf_counter()
        on_ray = ray.get([fit.remote(i, x, y, self.trees) for i in range(self.forests)])
        self.on_ray_s = time.perf_counter() - start
        assert on_ray == one_by_one  # the same forests, to the last digit
        self.r_squared = on_ray
        self.next(self.gather)

    @step
    def gather(self, inputs):
        self.merge_artifacts(inputs)
        self.next(self.end)

    @step
    def end(self):
        print(f"{self.forests} forests of {self.trees} trees on {len(self.y)} houses")
        print(f"R squared {min(self.r_squared):.3f} to {max(self.r_squared):.3f}")
        print(
            f"one after another {self.one_by_one_s:.1f} s, on Ray with {self.cores} cores "
            f"{self.on_ray_s:.1f} s: {self.one_by_one_s / self.on_ray_s:.2f} times as fast"
        )


if __name__ == "__main__":
    RandomForestsFlow()
