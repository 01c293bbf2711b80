"""For web frameworks and workers. Each file imports only its own: `django`, `asgi`, `wsgi`, `aws_lambda`, `rq`."""
