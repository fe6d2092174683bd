"""What other tools have kept, brought into a workspace: MLflow, W&B, TensorBoard, Optuna."""
