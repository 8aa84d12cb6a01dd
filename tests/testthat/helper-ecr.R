# An ECR and an STS of moto on loopback, and a git repository whose commit an image is tagged with.

# As gangway starts Python: with R's LD_LIBRARY_PATH another origin's Python would get the system's libssl.
aws_python_env <- function() c("current", AWS_DEFAULT_REGION = "eu-west-1", LD_LIBRARY_PATH = gangway:::library_path())

local_aws <- function(env = parent.frame()) {
  python <- client_python()
  log <- withr::local_tempfile(.local_envir = env)
  server <- processx::process$new(python, c("-m", "moto.server", "-p", "0"),
    env = aws_python_env(), stdout = log, stderr = "2>&1"
  )
  withr::defer(server$kill(), envir = env)
  port <- moto_port(server, log)
  withr::local_envvar(
    AWS_ENDPOINT_URL = paste0("http://127.0.0.1:", port), AWS_REGION = "eu-west-1", AWS_DEFAULT_REGION = NA,
    AWS_ACCESS_KEY_ID = "testing", AWS_SECRET_ACCESS_KEY = "testing", AWS_SESSION_TOKEN = NA, AWS_PROFILE = NA,
    AWS_CONFIG_FILE = "/nonexistent", AWS_SHARED_CREDENTIALS_FILE = "/nonexistent",
    AWS_EC2_METADATA_DISABLED = "true",
    .local_envir = env
  )
}

moto_port <- function(server, log) {
  for (i in 1:600) {
    said <- paste(readLines(log, warn = FALSE), collapse = "\n")
    found <- regmatches(said, regexpr("(?<=http://127.0.0.1:)[0-9]+", said, perl = TRUE))
    if (length(found) == 1L) {
      return(found)
    }
    if (!server$is_alive()) {
      testthat::skip_if(grepl("No module named", said), "the Python package moto is not installed")
      break
    }
    Sys.sleep(0.1)
  }
  stop("moto did not start: ", said)
}

# What a push does; moto makes up the digest, which is returned.
push_image <- function(repository, tag) {
  code <- paste(
    "import boto3, json, sys", "ecr = boto3.client('ecr')",
    "try: ecr.create_repository(repositoryName=sys.argv[1])",
    "except ecr.exceptions.RepositoryAlreadyExistsException: pass",
    "kind = 'application/vnd.oci.image.manifest.v1+json'",
    "manifest = json.dumps({'schemaVersion': 2, 'mediaType': kind, 'config': {'size': 1}, 'layers': []})",
    "image = ecr.put_image(repositoryName=sys.argv[1], imageManifest=manifest, imageTag=sys.argv[2])['image']",
    "print(image['imageId']['imageDigest'])", sep = "\n"
  )
  trimws(processx::run(client_python(), c("-c", code, repository, tag), env = aws_python_env())$stdout)
}

local_git <- function(env = parent.frame()) {
  testthat::skip_if_not(nzchar(Sys.which("git")), "git is not installed")
  folder <- withr::local_tempdir(.local_envir = env)
  writeLines("x <- 1", file.path(folder, "flow.R"))
  git_do(folder, "init", "--quiet")
  git_do(folder, "add", "flow.R")
  git_do(folder, "commit", "--quiet", "--message", "A flow")
  folder
}

git_do <- function(folder, ...) {
  identity <- c("-c", "user.name=Test", "-c", "user.email=test@example.org", "-c", "commit.gpgsign=false")
  trimws(processx::run("git", c("-C", folder, identity, ...))$stdout)
}
