"""The installed package: the command `dno`, and under `packages/` the packages of the repository (decision 85)."""
