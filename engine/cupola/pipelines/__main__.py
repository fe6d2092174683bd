"""`python -m cupola.pipelines`: drives an execution of a pipeline, as the job that was filed for it."""

from cupola.jobs import attempt


def main() -> None:
    from cupola.pipelines import driving

    attempt.work(driving.work)


if __name__ == "__main__":
    main()
