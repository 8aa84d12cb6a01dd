"""Warm starts of local tasks: forks of a process that has Metaflow, the flow and R loaded already.

The run's process starts a server (`start`), which loads the flow and waits (`server`). Metaflow
launches `client` instead of a task's command; it hands its arguments, environment and streams to
the server, which forks the task, passes signals on and ends as the task does. Where there is no
server, or it cannot fork safely, the client becomes the command.
"""
