from tickets.admin import directory, ticket

__all__ = ["directory", "ticket"]
