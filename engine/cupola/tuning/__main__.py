"""`python -m cupola.tuning`: one worker of a tuning, as the job that was filed for it."""

from cupola.jobs import attempt


def main() -> None:
    from cupola.tuning import job

    attempt.work(job.work)


if __name__ == "__main__":
    main()
