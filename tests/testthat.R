library(testthat)
library(gangway)

test_check("gangway")
