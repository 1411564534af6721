"""One mail leaves by Django's mail settings, and what the mail server said to it. Outside any transaction."""

import smtplib
from collections.abc import Sequence

from django.conf import settings
from django.core.mail import EmailMultiAlternatives

from sla.retrying import Result, Verdict
from tickets import references

#: Name, bytes and kind of a file.
File = tuple[str, bytes, str]


def send_mail(
    *,
    subject: str,
    text: str,
    html: str,
    receivers: Sequence[str],
    unique: str,
    ticket: int | None = None,
    files: Sequence[File] = (),
) -> Result:
    """Send one mail to `receivers`, who see each other. What the server does with it is the Result.

    `unique` tells our mails apart: sent again with the same, it is the same mail to those who have it already.
    With a `ticket`, an answer finds that.
    """
    mail = EmailMultiAlternatives(
        subject=subject,
        body=text,
        from_email=settings.DEFAULT_FROM_EMAIL,
        to=list(receivers),
        headers={
            "Message-ID": references.message_id(ticket=ticket, unique=unique, domain=_domain()),
            "Auto-Submitted": "auto-generated",
        },
        attachments=list(files),
    )
    mail.attach_alternative(html, "text/html")
    try:
        mail.send()
    except smtplib.SMTPRecipientsRefused as error:
        codes = [code for code, _ in error.recipients.values()]
        return _smtp(max(codes, default=550) if min(codes, default=550) >= 500 else min(codes))
    except smtplib.SMTPAuthenticationError as error:
        return Result(Verdict.PAUSE, error.smtp_code, "The mail server refuses our login.")
    except smtplib.SMTPResponseException as error:
        return _smtp(error.smtp_code)
    except ValueError:  # a line break in a header, an address that is none; the text may be secret
        return Result(Verdict.REJECTED, None, "The mail cannot be written: look at its address.")
    except (smtplib.SMTPException, OSError) as error:
        return Result(Verdict.PAUSE, None, f"The mail server failed: {type(error).__name__}.")
    return Result(Verdict.SENT)


def _smtp(code: int) -> Result:
    """5xx is for ever, for this mail; 4xx is for now."""
    error = f"The mail server answered {code}."
    return Result(Verdict.REJECTED if code >= 500 else Verdict.RETRY, code, error)


def _domain() -> str:
    return settings.DEFAULT_FROM_EMAIL.rpartition("@")[2].rstrip("> ") or "smartops"
