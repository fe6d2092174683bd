"""`python -m cupola.forecasting`: the work of a forecast, as the job that was filed for it."""

from cupola.jobs import attempt


def main() -> None:
    from cupola.forecasting import job

    attempt.work(job.work)


if __name__ == "__main__":
    main()
