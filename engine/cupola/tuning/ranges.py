"""The ranges that `auto` stands for, by estimator: wide enough for most tables, on the scale on which they matter."""

_TREE = {
    "max_depth": "2..20",
    "min_samples_split": "2..64:log",
    "min_samples_leaf": "1..64:log",
    "ccp_alpha": "0.000001..0.03:log",
}
_FOREST = {
    "n_estimators": "100..500",
    "max_depth": "4..32",
    "min_samples_leaf": "1..32:log",
    "max_features": "0.1..1.0",
}
_HISTOGRAMS = {
    "learning_rate": "0.01..0.3:log",
    "max_iter": "50..500:log",
    "max_leaf_nodes": "7..127:log",
    "min_samples_leaf": "5..100:log",
    "l2_regularization": "0.00001..10.0:log",
    "max_features": "0.3..1.0",
}
_BOOSTING = {
    "learning_rate": "0.01..0.3:log",
    "n_estimators": "50..400:log",
    "max_depth": "2..8",
    "min_samples_leaf": "1..64:log",
    "subsample": "0.5..1.0",
}
_LIGHTGBM = {
    "learning_rate": "0.01..0.3:log",
    "n_estimators": "50..500:log",
    "num_leaves": "7..127:log",
    "min_child_samples": "5..100:log",
    "reg_lambda": "0.00001..10.0:log",
    "colsample_bytree": "0.3..1.0",
}
_XGBOOST = {
    "learning_rate": "0.01..0.3:log",
    "n_estimators": "50..500:log",
    "max_depth": "2..10",
    "min_child_weight": "1.0..20.0:log",
    "reg_lambda": "0.00001..10.0:log",
    "subsample": "0.5..1.0",
    "colsample_bytree": "0.3..1.0",
}
_KERNEL = {
    "C": "0.01..1000.0:log",
    "kernel": "rbf,poly",
    "gamma": "0.0001..1.0:log",
    "degree": "2..4 if kernel=poly",
}
_NETWORK = {
    "hidden_layer_sizes": "16..256:log",
    "alpha": "0.00001..0.1:log",
    "learning_rate_init": "0.0001..0.03:log",
}
_NEIGHBOURS = {"n_neighbors": "1..60:log", "weights": "uniform,distance", "p": "1.0..2.0"}
_DESCENT = {"alpha": "0.000001..0.1:log", "penalty": "l2,elasticnet", "l1_ratio": "0.05..0.95 if penalty=elasticnet"}

KNOWN: dict[str, dict[str, str]] = {
    "HistGradientBoostingClassifier": _HISTOGRAMS,
    "HistGradientBoostingRegressor": _HISTOGRAMS,
    "RandomForestClassifier": _FOREST,
    "RandomForestRegressor": _FOREST,
    "ExtraTreesClassifier": _FOREST,
    "ExtraTreesRegressor": _FOREST,
    "LogisticRegression": {"C": "0.0001..1000.0:log"},
    "Ridge": {"alpha": "0.0001..1000.0:log"},
    "RidgeClassifier": {"alpha": "0.0001..1000.0:log"},
    "Lasso": {"alpha": "0.0001..10.0:log"},
    "ElasticNet": {"alpha": "0.0001..10.0:log", "l1_ratio": "0.05..0.999:reverselog"},
    "DecisionTreeClassifier": _TREE,
    "DecisionTreeRegressor": _TREE,
    "GradientBoostingClassifier": _BOOSTING,
    "GradientBoostingRegressor": _BOOSTING,
    "AdaBoostClassifier": {"n_estimators": "25..400:log", "learning_rate": "0.01..2.0:log"},
    "AdaBoostRegressor": {"n_estimators": "25..400:log", "learning_rate": "0.01..2.0:log"},
    "SVC": _KERNEL,
    "SVR": _KERNEL | {"epsilon": "0.001..1.0:log"},
    "LinearSVC": {"C": "0.0001..100.0:log"},
    "LinearSVR": {"C": "0.0001..100.0:log"},
    "KNeighborsClassifier": _NEIGHBOURS,
    "KNeighborsRegressor": _NEIGHBOURS,
    "MLPClassifier": _NETWORK,
    "MLPRegressor": _NETWORK,
    "SGDClassifier": _DESCENT,
    "SGDRegressor": _DESCENT,
    "LGBMClassifier": _LIGHTGBM,
    "LGBMRegressor": _LIGHTGBM,
    "XGBClassifier": _XGBOOST,
    "XGBRegressor": _XGBOOST,
}
