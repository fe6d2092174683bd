"""`python -m cupola.training`: the work of a training, as the job that was filed for it."""

from cupola.jobs import attempt


def main() -> None:
    from cupola.training import job

    attempt.work(job.work)


if __name__ == "__main__":
    main()
