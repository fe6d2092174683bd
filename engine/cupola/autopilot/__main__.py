"""`python -m cupola.autopilot`: the work of an autopilot, as the job that was filed for it."""

from cupola.jobs import attempt


def main() -> None:
    from cupola.autopilot import job

    attempt.work(job.work)


if __name__ == "__main__":
    main()
