"""Warm starts of local tasks: forks of a process that has Metaflow, the flow and R loaded already.

The run's process starts a server (`start`), which loads the flow's Python side and R, and nothing
of the user's: no bundle, no package (`server`). Metaflow launches `client` instead of a task's
command; it hands its arguments, environment and streams to the server, which forks the task
(`task`), passes signals on and ends as the task does. Where anything is not as it was when the
server started (`surroundings`), or there is no server, the client becomes the command.
"""
