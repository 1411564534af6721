"""Which ticket a mail is about, and who speaks in it. Reads only."""

from django.contrib.auth.models import User

from servers.mail.parsing import Mail
from servers.models import MailMessage
from servers.models.mail import HEARD
from tickets import references
from tickets.models import Ticket


def ticket_of(mail: Mail) -> tuple[Ticket | None, bool]:
    """The ticket that a mail is about, and whether it answers a mail that only its readers know.

    A number in the subject is known to everybody: it counts for those who take part in the ticket already.
    """
    for reference in mail.references:
        pk = references.ticket_of(reference)
        if pk is None:
            known = MailMessage.objects.filter(message_id=reference, ticket__isnull=False)
            pk = known.order_by("pk").values_list("ticket", flat=True).first()
        ticket = _goes_on(pk)
        if ticket is not None:
            return ticket, True
    ticket = _goes_on(mail.ticket_number)
    if ticket is not None and mail.sender and _takes_part(mail.sender, ticket):
        return ticket, False
    return None, False


def _goes_on(pk: int | None) -> Ticket | None:
    """The ticket, or the one that goes on for it."""
    if pk is None:
        return None
    ticket = Ticket.objects.select_related("assignee", "merged_into").filter(pk=pk).first()
    return ticket.merged_into if ticket is not None and ticket.merged_into_id else ticket


def _takes_part(sender: str, ticket: Ticket) -> bool:
    assigned = ticket.assignee.email if ticket.assignee else ""
    if sender in (ticket.requester_email.lower(), assigned.lower()):
        return True
    return MailMessage.objects.filter(ticket=ticket, sender=sender, result__in=HEARD).exists()


def agent_behind(sender: str, ticket: Ticket) -> User | None:
    """The one who works on this desk under that address and sees the ticket, unless it is their own request."""
    if not sender or sender == ticket.requester_email.lower():
        return None
    for user in User.objects.filter(email__iexact=sender, is_active=True).order_by("pk"):
        visible = Ticket.objects.visible_to(user).filter(pk=ticket.pk)
        if user.has_perm("tickets.add_comment") and visible.exists():
            return user
    return None
