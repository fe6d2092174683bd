"""`python -m cupola.transform`: the work of a batch transform, as the job that was filed for it."""

from cupola.jobs import attempt


def main() -> None:
    from cupola.transform import job

    attempt.work(job.work)


if __name__ == "__main__":
    main()
