test_that("R values become the Python values they look like", {
  expect_equal(py_literal(NULL), "None")
  expect_equal(py_literal(TRUE), "True")
  expect_equal(py_literal(3L), "3")
  expect_equal(py_literal(100000L), "100000")
  expect_equal(py_literal(1), "1.0")
  expect_equal(py_literal(1, dialect = count_dialect), "1")
  expect_equal(py_literal(0.1), "0.1")
  expect_equal(py_literal(Inf), "float(\"Infinity\")")
  expect_equal(py_literal(c(1L, 2L)), "[1, 2]")
  expect_equal(py_literal(I("a")), "[\"a\"]")
  expect_equal(py_literal(character()), "[]")
  expect_equal(py_literal(c(a = 1L)), "{\"a\": 1}")
  expect_equal(py_literal(stats::setNames(list(), character())), "{}")
  expect_equal(py_literal(factor(c("u", "v"))), "[\"u\", \"v\"]")
  expect_equal(py_literal(list(a = list(1L, NULL), b = c(x = "y"))), "{\"a\": [1, None], \"b\": {\"x\": \"y\"}}")
  expect_equal(py_literal(list(a = NaN, b = c(TRUE, FALSE), c = NULL), dialect = json_dialect),
    "{\"a\": NaN, \"b\": [true, false], \"c\": null}")
})

test_that("doubles are read back by Python bit for bit", {
  skip_without_python()
  withr::local_seed(1)
  x <- c(0, -0, 1, -1, 0.1, 1 / 3, 0.1 + 0.2, pi, 1e15, 1e22, 123456789012345680, 2^53, 2^53 + 2, 5e-324, 1e-5,
    .Machine$double.xmin, .Machine$double.xmax, .Machine$double.eps, rnorm(2000), 10^runif(2000, -320, 308),
    round(runif(2000), 3), c(Inf, -Inf, NaN))
  said <- python_says(c(
    "import struct",
    paste0("for x in ", py_literal(x), ": print(struct.pack('>d', x).hex())")
  ))
  bits <- vapply(x, function(v) paste(writeBin(v, raw(), endian = "big"), collapse = ""), "")
  bits[is.nan(x)] <- said_nan <- strsplit(said, "\n")[[1]][is.nan(x)]
  expect_match(said_nan, "^[7f]ff8")
  expect_equal(strsplit(said, "\n")[[1]], bits)
})

test_that("strings are read back by Python byte for byte, as Python and as JSON", {
  skip_without_python()
  latin <- "caf\xe9"
  Encoding(latin) <- "latin1"
  x <- c("", "plain", "it's", "say \"hi\"", "back\\slash", "\\n", "line\nline\r\n\ttab", "\u00e9\u4e2d\U1F600",
    "{braces} %s",
    "\u2028\u200b\u202e\ufeff", "\u0001\u001b[31m\u007f\u0085", "'''\"\"\"", "ends in \\", latin, "#{x} $x `x`")
  hex <- vapply(x, function(s) paste(charToRaw(enc2utf8(s)), collapse = ""), "", USE.NAMES = FALSE)
  said <- python_says(c(
    "import ast, json",
    "def show(x): print([s.encode().hex() for s in x])",
    paste0("show(", py_literal(x), ")"),
    paste0("show(json.loads(", py_string(py_literal(x, dialect = json_dialect), "'"), "))")
  ))
  expected <- paste0("['", paste(hex, collapse = "', '"), "']")
  expect_equal(strsplit(said, "\n")[[1]], c(expected, expected))
})

test_that("what has no counterpart is an error that says where", {
  where <- "argument `cpu` of decorator \"batch\""
  expect_snapshot(error = TRUE, {
    py_literal(NA, where)
    py_literal(list(a = 1, b = list("x", NA_character_)), where)
    py_literal(mean, where)
    py_literal(globalenv(), where)
    py_literal(Sys.Date(), where)
    py_literal(list(1, b = 2), where)
    py_literal(c(a = 1, a = 2), where)
    py_literal(matrix(1:4, 2), where)
    py_literal(1i, where)
    py_literal("bad\xff", where)
  })
})

test_that("identifiers are those of Python", {
  expect_true(is_identifier("a_1"))
  expect_true(is_identifier("match"))
  for (bad in list("1a", "a.b", "a-b", "", "class", "None", NA_character_, c("a", "b"), 1, NULL, "\u00e4")) {
    expect_false(is_identifier(bad))
  }
})

test_that("strings of a script that is read in the C locale are UTF-8", {
  skip_without_python()
  x <- "\xc3\xa9"
  Encoding(x) <- "unknown"
  expect_equal(trimws(python_says(paste0("print(ascii(", py_literal(x), "))"))), "'\\xe9'")
})
