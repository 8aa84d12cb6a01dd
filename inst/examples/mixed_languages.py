"""The Python step of mixed_languages.R."""


def cluster(self):
    import pandas
    from sklearn.cluster import KMeans

    flowers = self.flowers.to_python()  # R's data frame, without R
    columns = self.columns.to_python()
    found = KMeans(self.k, n_init=10, random_state=1).fit(flowers[columns])
    self.clusters = found.labels_ + 1
    self.centres = pandas.DataFrame(found.cluster_centers_, columns=columns)
