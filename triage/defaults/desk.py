"""Departments and the support groups in them."""

from typing import Final

DEPARTMENTS: Final = {
    "IT Support": "Computers, software, network, access, our own product",
    "HR": "Leave, payroll, benefits, contracts, joiners and leavers",
    "Facilities": "Buildings, rooms, furniture, parking, safety",
    "Finance": "Invoices, payments, expenses, purchasing, project codes",
    "General": "Everything that nobody else answers for",
}
RESTRICTED: Final = ("HR",)

#: Group -> its department.
GROUPS: Final = {
    **dict.fromkeys(("Service Desk", "Network", "IT Support", "Messaging"), "IT Support"),
    **dict.fromkeys(("Infrastructure", "Database", "Security", "Applications"), "IT Support"),
    "HR Services": "HR",
    "Building Services": "Facilities",
    **dict.fromkeys(("Finance Operations", "Procurement"), "Finance"),
    "General Support": "General",
}
