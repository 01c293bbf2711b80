pytest_plugins = ["analytics_posthog.pytest_plugin"]
