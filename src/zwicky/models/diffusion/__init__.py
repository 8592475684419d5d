"""Samples of maps by diffusion: networks, schedules, preconditionings and solvers, each exchangeable."""
