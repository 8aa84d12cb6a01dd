# The image that remote tasks run in: R with the packages of renv.lock, Python with Metaflow, Ray and rpy2, and
# the R package in this folder. docs/image.md tells how a project of your own builds its image with this file.

# The R that everything is built for.
ARG BASE_IMAGE=rocker/r-ver:4.5.0

# ---- base: what all stages share --------------------------------------------------------------------------------
FROM ${BASE_IMAGE} AS base
# Packages of the distribution that the tasks need, such as "openmpi-bin".
ARG APT_RUNTIME=""
# hadolint ignore=DL3008,SC2086
RUN if [ -n "${APT_RUNTIME}" ]; then \
        apt-get update && apt-get install -y --no-install-recommends ${APT_RUNTIME} && rm -rf /var/lib/apt/lists/*; \
    fi \
    # A Python process that embeds R finds libR.so by ldconfig's list, and by nothing else.
    && printf '%s/lib\n' "$(R RHOME)" >/etc/ld.so.conf.d/gangway-R.conf \
    && ldconfig
# Without renv's cache and sandbox a library holds files, and no links into the home of whoever has installed them.
ENV R_LIBS=/opt/r-package:/opt/r-library \
    RENV_CONFIG_CACHE_ENABLED=FALSE \
    RENV_CONFIG_SANDBOX_ENABLED=FALSE \
    GANGWAY_PYTHON=/opt/python/bin/python \
    RETICULATE_PYTHON=/opt/python/bin/python

# ---- build: compilers and headers, which stay out of the image ---------------------------------------------------
FROM base AS build
# Packages of the distribution that the R packages of renv.lock are built with, beside these.
ARG APT_BUILD=""
# What R itself is linked with (rpy2 links with all of it), and what R packages ask for most often.
# hadolint ignore=DL3008,SC2086
RUN apt-get update \
    && apt-get install -y --no-install-recommends \
        ca-certificates curl g++ gfortran git make pkg-config \
        libblas-dev libbz2-dev libcurl4-openssl-dev libdeflate-dev libicu-dev liblapack-dev liblzma-dev \
        libpcre2-dev libpng-dev libreadline-dev libssl-dev libtirpc-dev libxml2-dev libzstd-dev zlib1g-dev \
        ${APT_BUILD} \
    && rm -rf /var/lib/apt/lists/*

# ---- system: which packages of the distribution the R packages need. A list of names, so that a change of DESCRIPTION
# ---- that does not change the list builds nothing again
FROM build AS renv
# Another repository than the lock's, where Posit's is not reachable.
ARG CRAN_MIRROR=""
ENV RENV_CONFIG_REPOS_OVERRIDE=${CRAN_MIRROR}
WORKDIR /build
RUN mkdir -p /opt/r-library \
    && Rscript --vanilla -e 'mirror <- Sys.getenv("RENV_CONFIG_REPOS_OVERRIDE")' \
        -e 'repos <- if (nzchar(mirror)) c(CRAN = mirror) else getOption("repos")' \
        -e 'install.packages(c("renv", "jsonlite"), lib = "/opt/r-library", repos = repos)'

FROM renv AS system
COPY docker/system-packages.R DESCRIPTION renv.lock ./
RUN Rscript --vanilla system-packages.R renv.lock DESCRIPTION >/system-packages

# ---- r-packages: renv.lock, restored before any source is copied, so that only a new lock does it again ------------
FROM renv AS r-packages
COPY --from=system /system-packages ./
# hadolint ignore=DL3008,SC2046
RUN if [ -s system-packages ]; then \
        apt-get update && apt-get install -y --no-install-recommends $(cat system-packages) \
        && rm -rf /var/lib/apt/lists/*; \
    fi
COPY docker/restore.R docker/linked-packages.R renv.lock ./
# A token for packages from private repositories, if one is given, stays out of the layers.
RUN --mount=type=secret,id=GITHUB_PAT \
    GITHUB_PAT="$(cat /run/secrets/GITHUB_PAT 2>/dev/null || true)" \
    Rscript --vanilla restore.R renv.lock /opt/r-library \
    && Rscript --vanilla linked-packages.R /opt/r-library system-packages >/linked-packages

# ---- python: from conda-forge comes Python and nothing else; its other packages would clash with R's libraries -----
FROM build AS python
ARG MINICONDA_BASE_URL=https://github.com/conda-forge/miniforge/releases/download/26.7.2-0
ARG MINICONDA_INSTALLER=Miniforge3-26.7.2-0-Linux
ARG MINICONDA_SHA256=281b0ac7d550802efc81af633225a5e6116d29ae72f3ab4eae7168c3931a4c05
ARG MINICONDA_SHA256_AARCH64=89b786c8d2c8b0fda7553914c1314ae4ddaa094503802f279377b19ac4463cb2
ARG PYTHON_VERSION=3.12
WORKDIR /build
RUN curl --fail --silent --show-error --location --retry 3 --output miniconda.sh \
        "${MINICONDA_BASE_URL}/${MINICONDA_INSTALLER}-$(uname -m).sh" \
    && if [ "$(uname -m)" = aarch64 ]; then hash=${MINICONDA_SHA256_AARCH64}; else hash=${MINICONDA_SHA256}; fi \
    && echo "${hash}  miniconda.sh" >miniconda.sha256 \
    && sha256sum --check --strict miniconda.sha256 \
    && bash miniconda.sh -b -p /opt/conda \
    && /opt/conda/bin/conda create --yes --quiet --prefix /opt/python \
        --override-channels --channel conda-forge "python=${PYTHON_VERSION}" pip \
    && rm -rf /opt/conda miniconda.sh
COPY docker/requirements.txt docker/rpy2.txt ./
# Wheels only, each with a hash that is known; rpy2-rinterface is the one that is built, for this R, in API mode.
RUN /opt/python/bin/python -m pip install --no-cache-dir --disable-pip-version-check \
        --require-hashes --only-binary :all: --requirement requirements.txt \
    && RPY2_CFFI_MODE=API /opt/python/bin/python -m pip install --no-cache-dir --disable-pip-version-check \
        --require-hashes --no-binary :all: --no-build-isolation --no-deps --requirement rpy2.txt
# Python packages of your own, such as "torch==2.9.0 xgboost-cpu==3.1.1".
ARG PYTHON_PACKAGES=""
# hadolint ignore=DL3013,SC2086
RUN if [ -n "${PYTHON_PACKAGES}" ]; then \
        /opt/python/bin/python -m pip install --no-cache-dir --disable-pip-version-check ${PYTHON_PACKAGES}; \
    fi

# ---- package: the source that changes with every commit -----------------------------------------------------------
FROM r-packages AS package
COPY . /build/package
RUN mkdir -p /opt/r-package \
    && R CMD INSTALL --no-docs --no-test-load --library=/opt/r-package /build/package

# ---- the image ----------------------------------------------------------------------------------------------------
FROM base AS image
# What the R packages are linked with; no headers.
COPY --from=r-packages /linked-packages /opt/gangway/
# hadolint ignore=DL3008,SC2046
RUN if [ -s /opt/gangway/linked-packages ]; then \
        apt-get update && apt-get install -y --no-install-recommends $(cat /opt/gangway/linked-packages) \
        && rm -rf /var/lib/apt/lists/*; \
    fi
# Metaflow starts "python". A script and no link, so that Python looks for its own packages where it is; and last on
# the PATH, so that nothing of conda's hides a program of the system.
RUN printf '#!/bin/sh\nexec /opt/python/bin/python "$@"\n' >/usr/local/bin/python \
    && chmod 755 /usr/local/bin/python \
    && cp /usr/local/bin/python /usr/local/bin/python3 \
    && useradd --create-home --uid 10001 --shell /bin/bash gangway
# Metaflow installs boto3 and requests at the start of each task, unless it is told that they are there.
ENV PATH=${PATH}:/opt/python/bin \
    METAFLOW_SKIP_INSTALL_DEPENDENCIES=1
# The Dockerfiles of projects use these.
COPY docker/*.R /opt/gangway/
COPY --from=r-packages /opt/r-library /opt/r-library
COPY --from=python /opt/python /opt/python
COPY --from=package /opt/r-package /opt/r-package
USER 10001
WORKDIR /home/gangway
# The smoke test: R and Python both find what a task needs, and Python can embed this R through rpy2's API mode.
RUN Rscript --vanilla -e 'stopifnot(l10n_info()[["UTF-8"]])' \
        -e 'for (package in list.files("/opt/r-package")) library(package, character.only = TRUE)' \
        -e 'cat(system.file("python", package = "gangway", mustWork = TRUE), file = "/tmp/core")' \
    && PYTHONDONTWRITEBYTECODE=1 PYTHONPATH="$(cat /tmp/core)" python -c 'import _rinterface_cffi_api, boto3, metaflow, ray, requests; \
from metaflow_extensions.gangway.engine import embed; \
print(embed.start().evalr("R.version.string")[0])' \
    && rm -rf /tmp/core "${HOME}/.cache"
ARG BASE_IMAGE
ARG GIT_SHA=""
ARG SOURCE=""
LABEL org.opencontainers.image.revision="${GIT_SHA}" \
      org.opencontainers.image.source="${SOURCE}" \
      org.opencontainers.image.base.name="${BASE_IMAGE}"
