"""Which ticket a mail is about, and who speaks in it. Reads only."""

from django.contrib.auth.models import User

from servers.mail.parsing import Mail
from servers.models import MailMessage
from servers.models.mail import HEARD
from tickets import references
from tickets.models import Ticket


def ticket_of(mail: Mail) -> tuple[Ticket | None, bool]:
    """The ticket that a mail is about, and whether it answers a mail of ours, which only its readers have.

    A number in the subject is known to everybody: it counts for those who take part in the ticket already.
    """
    for reference in mail.references:
        ours = references.ticket_of(reference)
        named = _ticket(ours or _known(reference))
        if named is not None:
            return _goes_on(named), ours is not None
    named = _ticket(mail.ticket_number)
    if named is not None and mail.sender:
        goes_on = _goes_on(named)
        if _takes_part(mail.sender, named) or _takes_part(mail.sender, goes_on):
            return goes_on, False
    return None, False


def _known(reference: str) -> int | None:
    """The ticket about which a mail with this Message-ID came to us."""
    known = MailMessage.objects.filter(message_id=reference, ticket__isnull=False)
    return known.order_by("pk").values_list("ticket", flat=True).first()


def _ticket(pk: int | None) -> Ticket | None:
    if pk is None:
        return None
    return Ticket.objects.select_related("assignee", "merged_into").filter(pk=pk).first()


def _goes_on(ticket: Ticket) -> Ticket:
    return ticket.merged_into or ticket


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
