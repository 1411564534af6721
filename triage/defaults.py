"""What a new desk starts with: departments, groups, categories, rules, routes. All of it can be edited later."""

from dataclasses import dataclass
from typing import Final

DEPARTMENTS: Final = {
    "IT Support": "Computers, software, network, access, our own product",
    "HR": "Leave, payroll, benefits, contracts, joiners and leavers",
    "Facilities": "Buildings, rooms, furniture, parking, safety",
    "Finance": "Invoices, payments, expenses, purchasing",
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


@dataclass(frozen=True)
class Topic:
    """A category, where its tickets go, and the words that speak for it: "word", or "word=weight"."""

    slug: str
    name: str
    description: str
    department: str
    group: str
    words: str
    exclude: str = ""
    aliases: tuple[str, ...] = ()
    impact: int | None = None
    urgency: int | None = None


TOPICS: Final = (
    Topic(
        "infrastructure",
        "Infrastructure",
        "Servers, cloud, Kubernetes, outages",
        "IT Support",
        "Infrastructure",
        "server=2, servers unreachable=4, host=1, hostname=1, vm=2, virtual machine=3, kubernetes=3, k8s=3, pod=2, node=1.5, cluster=2, outage=2, unreachable=1.5, cpu=2, memory usage=2, load balancer=3, cloud=1, aws=2, azure=1.5, ec2=3, docker=2, container=1.5, reboot=1, uptime=2, infrastructure=2, ci runner=3, jenkins=2, crashloopbackoff=4, oomkilled=3, nginx=2, certificate=1, hypervisor=3, esxi=3, datacenter=2, data center=2, nagios=2, prometheus=1.5, system down=2",
    ),
    Topic(
        "network",
        "Network",
        "VPN, Wi-Fi, DNS, firewall, connections",
        "IT Support",
        "Network",
        "vpn=4, wifi=3, wlan=3, network=2, dns=3, dhcp=3, firewall=3, proxy=2, switch port=3, router=3, latency=1.5, packet loss=4, ping=1.5, lan=2, ethernet=3, internet=2, bandwidth=2, ip address=2, subnet=3, vlan=4, access point=3, connection drops=2, anyconnect=3, connectivity=2",
    ),
    Topic(
        "authentication",
        "Authentication",
        "Login, passwords, MFA, locked accounts",
        "IT Support",
        "Service Desk",
        "password=2.5, login=2, log in=2, log on=1.5, logon=2, sign in=2, mfa=3, 2fa=3, sso=3, okta=2, authenticator=3, locked out=3, account locked=4, locked account=4, unlock=2, credentials=1.5, authentication=2.5, otp=3, one time code=3, reset my password=3, saml=3, oauth=2, invalid credentials=3, pin=1",
    ),
    Topic(
        "access_request",
        "Access request",
        "Permissions, roles, shares, licence seats",
        "IT Support",
        "Service Desk",
        "permission=2.5, grant=1.5, access to=2, access request=4, request access=4, need access=3, give access=3, please add=1, security group=3, ad group=3, read access=3, write access=3, admin rights=3, administrator rights=3, local admin=3, shared folder=2, shared mailbox=1.5, remove access=3, revoke=2, role=1, privilege*=2, membership=2",
        aliases=("access",),
    ),
    Topic(
        "hardware",
        "Hardware",
        "Laptops, monitors, printers, phones",
        "IT Support",
        "IT Support",
        "laptop=2.5, notebook=1.5, monitor=2, printer=3, print=1.5, keyboard=3, mouse=3, docking station=3, dock=2.5, headset=3, webcam=3, battery=2, charger=2.5, screen=1, display=1, hard drive=2, ssd=2, desktop=1, pc=1.5, computer=1, scanner=2.5, toner=3, paper jam=4, usb=2, phone=1.5, iphone=2, ipad=2, tablet=2, projector=2, cable=1.5, hinge=2.5, fan noise=3, blue screen=2, bsod=2, hdmi=2.5, device=1, hardware=2.5, backpack=2",
    ),
    Topic(
        "software",
        "Software",
        "Installing, updating, crashing applications",
        "IT Support",
        "IT Support",
        "install=2, installation=2, installer=2.5, uninstall=2.5, update=0.8, upgrade=0.8, excel=2.5, word=0.5, powerpoint=2.5, office=0.5, adobe=2.5, acrobat=2.5, photoshop=2, autocad=2.5, chrome=1, license key=3, licence key=3, license=1.5, licence=1.5, driver=1.5, windows=1, macos=1.5, application crashes=2, software=2, plugin=1.5, add-in=2, visual studio=2.5, version=0.7, app store=2, software center=3",
    ),
    Topic(
        "email",
        "E-mail and messaging",
        "Outlook, mailboxes, calendars, chat",
        "IT Support",
        "Messaging",
        "email=1.5, outlook=3, mailbox=3, mail=1.5, inbox=2, exchange=2, calendar=2, distribution list=4, mailing list=4, out of office=3, bounce*=2, ndr=3, smtp=2, attachment=1, teams=1.5, slack=1.5, meeting invite=3, spam folder=2, signature=1.5, undeliverable=3, gmail=2, zoom=1",
    ),
    Topic(
        "database",
        "Database",
        "Queries, replication, data fixes",
        "IT Support",
        "Database",
        "database=3, sql=2.5, query=1.5, postgres=3, postgresql=3, mysql=3, oracle=1.5, deadlock=4, replication=3, replica=2.5, sql server=3, table=1, index=1, db=2, tablespace=4, mongodb=3, schema=2, ora-=2, stored procedure=4, slow query=3, connection pool=3, too many connections=3, rows=1",
    ),
    Topic(
        "storage",
        "Storage and backup",
        "Disks, quotas, shares, backups, restores",
        "IT Support",
        "Infrastructure",
        "disk=2, disk full=4, storage=2.5, backup=3, restore=2, quota=3, nas=3, san=3, file share=3, share drive=3, shared drive=3, network drive=2.5, no space left=4, s3 bucket=3, snapshot=2, veeam=4, deleted file=3, deleted folder=3, lost files=3, folder=1, mailbox full=3, mailbox size=4, tape=2, raid=3, lun=3, onedrive=1.5, sharepoint=1, disk space=3",
    ),
    Topic(
        "security",
        "Security",
        "Phishing, malware, leaks, vulnerabilities",
        "IT Support",
        "Security",
        "phishing=5, suspicious=3, malware=5, virus=3, ransomware=5, hacked=4, security=1.5, breach=3, vulnerability=4, cve=4, data leak=4, leaked=3, stolen=2.5, ddos=5, compromised=4, unauthorized=2, unauthorised=2, clicked a link=3, clicked the link=3, scam=3, spoof*=3, brute force=4, exposed=2, pentest=3, penetration test=3, trojan=4, edr=3",
    ),
    Topic(
        "bug",
        "Bug",
        "Defects of our product's back end",
        "IT Support",
        "Applications",
        "bug=3, exception=2, error=0.7, stack trace=3, traceback=3, nullpointerexception=4, typeerror=3, 500=1, internal server error=3, regression=3, crash*=1, wrong result=3, api returns=2.5, reproduce=2, steps to reproduce=4, expected=1, actual=1, endpoint=1.5, returns 500=3, duplicate records=2, incorrect=1, defect=2, unexpected=1, fail*=0.5, timezone=1, rounding=2",
    ),
    Topic(
        "frontend",
        "User interface",
        "Layout, buttons, browsers, translations",
        "IT Support",
        "Applications",
        "button=2.5, layout=3, css=3, page=0.8, browser=1.5, safari=2, firefox=1.5, mobile app=1.5, dropdown=3, menu=1.5, render*=2, misaligned=3, overlap*=2, dark mode=2.5, font=2, ui=2.5, screen reader=3, accessibility=3, scroll*=2, modal=3, tooltip=3, blank page=3, white screen=2, responsive=2, translation=2, icon=1.5, javascript=1.5, form field=2, click*=0.7",
    ),
    Topic(
        "configuration",
        "Configuration",
        "Settings, feature flags, schedules, limits",
        "IT Support",
        "Applications",
        "configuration=3, config=2.5, environment variable=4, feature flag=4, setting=1.5, yaml=2, cron=2.5, timeout=1.5, misconfigured=4, env var=4, parameter=1.5, threshold=1.5, rate limit=2, increase the limit=3, toggle=1.5, deploy*=1, config file=3, terraform=2, helm=2, schedule=1, default value=2, .env=2",
    ),
    Topic(
        "notification",
        "Notifications",
        "Alerts, reminders, webhooks of a system",
        "IT Support",
        "Applications",
        "notification=4, notify=2, alert=1.5, alerts=1.5, reminder=2.5, webhook=3, sms=2, push=1.5, unsubscribe=3.5, not notified=3, no email sent=2, digest=2.5, pagerduty=2, duplicate emails=2.5, confirmation email=2.5, subscribed=2, alert fatigue=3",
    ),
    Topic(
        "feature_request",
        "Feature request",
        "Wishes for new functions",
        "IT Support",
        "Applications",
        "feature request=5, feature=2, would be nice=3, would be great=3, suggestion=2.5, enhancement=3, please add=1.5, improve*=1.5, could you add=3, support for=1.5, wish=2, roadmap=2.5, it would help=2, ability to=2, add an option=3, integrate=1.5, integration with=2, export to=1.5, idea=2, bulk edit=1.5",
        aliases=("feature",),
    ),
    Topic(
        "technical_support",
        "Technical support",
        "How to use tools and the product",
        "IT Support",
        "Service Desk",
        "how do i=3, how to=2.5, how can i=3, where can i find=2, documentation=2, instructions=2, guide=1.5, help me=1.5, tutorial=2.5, is it possible to=1.5, walk me through=3, explain=1.5, question about=1, what is the correct way=3, support=0.7, best practice=2, user manual=3, manual=1.5, training material=2",
        aliases=("support",),
    ),
    Topic(
        "hr",
        "Human resources",
        "Leave, payroll, benefits, contracts",
        "HR",
        "HR Services",
        "payroll=4, salary=4, payslip=5, vacation=3, annual leave=5, leave request=4, leave=1.5, sick=2.5, sick leave=4, maternity=5, paternity=5, benefits=3, health insurance=3, pension=4, performance review=4, appraisal=3, hr=3, overtime=3, timesheet=3, time sheet=3, holiday=2, harassment=5, complaint=1, contract=1, resignation=3, termination=2, overtime pay=3, bonus=2.5, employment letter=4, employment=2, policy=1.5, policies=1.5, parental leave=5, bank holiday=2, wage=3",
    ),
    Topic(
        "onboarding",
        "Joiners and leavers",
        "New starters, leavers, transfers",
        "HR",
        "HR Services",
        "onboarding=5, offboarding=5, new starter=5, new hire=5, new joiner=5, new employee=4, new colleague=3, starts on=2.5, starting on=2.5, first day=3, last day=3, last working day=5, leaver=5, joining=2, intern=2, induction=3, exit interview=4, exit checklist=5, hiring=2, contractor=1, transfer*=1, name change=3, rehire=4, probation=2",
    ),
    Topic(
        "facilities",
        "Facilities",
        "Buildings, rooms, furniture, parking",
        "Facilities",
        "Building Services",
        "air conditioning=5, hvac=5, heating=4, cleaning=3, cleaner=3, parking=4, chair=4, desk=2, standing desk=4, meeting room=3, conference room=2.5, door=2.5, key card=4, keycard=4, access card=3, building=2.5, elevator=5, lift=2, toilet=5, bathroom=4, leak*=2, water=2, kitchen=3, coffee machine=5, light bulb=4, lights=2.5, window=1, office supplies=3, floor=1, ceiling=4, carpet=4, fire alarm=4, fire drill=4, reception=2, fridge=4, temperature=2, office chair=3, furniture=4, locker=3, badge reader=3, smell=2, mice=2, plumbing=4, waste=2, recycling=3, security guard=3, maintenance=1.5, blinds=3",
    ),
    Topic(
        "billing",
        "Billing",
        "Customer invoices, subscriptions, credit notes",
        "Finance",
        "Finance Operations",
        "invoice=3, billing=4, subscription=2.5, credit note=4, overcharged=3, billed=3, vat=3, tax=2, plan=0.7, charges=2, charged=1.5, statement=2, renewal=2, bill=2.5, pricing=2, proration=4, prorated=4, invoice number=2, downgrade=1.5, billing address=3, receipt=1.5, accounting=2, discount=2, price=1.5",
    ),
    Topic(
        "payment",
        "Payments",
        "Failed payments, refunds, payouts, expenses",
        "Finance",
        "Finance Operations",
        "payment=3, refund*=4, card declined=4, credit card=2.5, declined=2, chargeback=5, checkout=2, payout=4, bank transfer=4, paypal=3, stripe=3, sepa=4, wire=2, reimbursement=4, reimburse*=4, expense report=4, expense=3, transaction=2, paying=2, pay=1.5, charged twice=3, double charged=3, taxi=3, receipt=2, per diem=4, remittance=4, direct debit=4, iban=3, budget=1, travel expense=4",
    ),
    Topic(
        "procurement",
        "Procurement",
        "Purchases, orders, quotes, vendors",
        "Finance",
        "Procurement",
        "purchase=3, purchase order=5, po number=4, po=2, quote=3, quotation=4, vendor=3, supplier=3, procurement=5, order=1, buy=2.5, delivery=2, goods receipt=5, requisition=4, tender=3, asset tag=2, delivered=1, contract renewal=3, shipment=2, rfq=5, rfp=4, lead time=3, allocate=1, allocation=2",
    ),
    Topic(
        "project",
        "Internal projects",
        "Project codes, set-up, budgets, time booking",
        "Finance",
        "Finance Operations",
        "project code=5, project=1.5, project setup=5, project set-up=5, close project=4, project manager=2.5, book time=3, booking time=3, cost center=3, cost centre=3, approver=2.5, charge code=4, wbs=5, project budget=4, milestone=2, staffing=2, chargeable=3, billable=2, project space=3, resource allocation=3, workstream=3, timesheet code=3, internal project=4",
    ),
    Topic(
        "general",
        "General",
        "Everything else",
        "General",
        "General Support",
        "question=0.7, inquiry=1, lost and found=4, found a=1, event=1.5, thank you=0.7, thanks for=0.5, charity=3, newsletter=2, information=0.5, who do i contact=3, who should i=2, wrong department=3, misdirected=3, christmas party=3, survey=2, visitors=1.5, company photo=3, town hall=3, lost my=1.5, parking lot=0.5, other=0.3, cake=2, umbrella=3, canteen=2",
        aliases=("other", "unknown"),
    ),
)


@dataclass(frozen=True)
class SeverityRule:
    """A rule about impact, urgency or tags only."""

    name: str
    words: str
    impact: int | None = None
    urgency: int | None = None
    tags: tuple[str, ...] = ()
    min_score: float = 1.0


SEVERITY_RULES: Final = (
    SeverityRule(
        "Everything is down",
        "all servers=1, servers unreachable=1, total outage=1, major outage=1, complete outage=1, site is down=1, everything is down=1, production down=1",
        impact=1,
        urgency=1,
        tags=("outage",),
    ),
    SeverityRule(
        "Data is at stake",
        "data loss=1, data breach=1, ransomware=1, data leak=1, corrupted data=1",
        impact=1,
        urgency=1,
        tags=("data-at-stake",),
    ),
    SeverityRule(
        "Danger to people",
        "gas leak=1, smell of gas=1, smoke=1, fire alarm=1, electric shock=1, injured=1, evacuat*=1",
        impact=2,
        urgency=1,
        tags=("safety",),
    ),
    SeverityRule(
        "Security incident",
        "phishing=1, malware=1, hacked=1, compromised=1, stolen laptop=1, ddos=1",
        impact=2,
        urgency=1,
        tags=("security-incident",),
    ),
)


def terms(words: str) -> list[dict[str, object]]:
    """Return "vpn=4, wifi" as rows of `Rule.terms`."""
    found = []
    for part in filter(None, (part.strip() for part in words.split(","))):
        text, _, weight = part.partition("=")
        found.append({"text": text.strip(), "weight": float(weight or 1.0)})
    return found
