from tickets.admin import directory, saved, ticket

__all__ = ["directory", "saved", "ticket"]
