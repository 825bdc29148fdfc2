#!/usr/bin/env bash
# Pins the dependencies of pyproject.toml with hashes for every platform and without index addresses.
set -euo pipefail
cd "$(dirname "$0")/.."
lock() { uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
  --no-emit-find-links --no-annotate --no-header --no-strip-extras --all-extras --upgrade "${@:2}" pyproject.toml --output-file "requirements/$1.txt"; }
lock runtime --group build
lock development --group build --group dev
uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-emit-find-links \
  --no-annotate --no-header --no-strip-extras --upgrade --constraints requirements/development.txt --group pyproject.toml:mutation \
  --output-file requirements/mutation.txt
