"""Topics of the business departments."""

from typing import Final

from triage.defaults.words import Topic

BUSINESS_TOPICS: Final = (
    Topic(
        slug="hr",
        name="Human resources",
        description="Leave, payroll, benefits, contracts, policies",
        department="HR",
        group="HR Services",
        words={
            5: "payslip, pay slip, salary, payroll, annual leave, leave request, sick leave, "
            "maternity, paternity, parental leave, pension, performance review, harassment, "
            "overtime, sick note, unpaid leave, bonus, works council, notice period, leave "
            "balance, health insurance, employment contract, bank holiday, vacation days, "
            "holiday entitlement, time off, employment certificate, timecard, time card, "
            "absence request, submit my hours, timecard approval, missing timesheet",
            4: "vacation, time sheet, timesheet, appraisal, resignation, benefits, wage, "
            "reference letter, employment, dental, gross pay, childcare, bullying, company "
            "car, mobbing, sick, jubilee, vacaton, sick day, working hours, flexitime, part "
            "time, night allowance, certificate of employment, absence, absences, log "
            "hours, log my hours, enter my hours, public holiday, hours worked, unpaid "
            "absence, submit time, time entries, hr application, hr portal",
            3: "my address, home address, bank details, hr, leave, holiday, policy on, "
            "policies, paid leave, day off, days off, doctor's note, supervisor, probation, "
            "promotion, grievance, allowance, deduction, tax class, my boss, works "
            "agreement, voucher, subsidy, dependants, blood donation, pay rise, carry over, "
            "contract of employment, attendance, leave approver, time entry, fill in my "
            "hours, holiday approver",
            2: "termination, hiring, contract, absent, doctor, enrolment, enrollment, "
            "insurance, policy, paid, pay, employee, shift, complaint, marriage, remote "
            "work, child, boss",
            1: "hours, certificate, review, confidential, training, manager, days",
        },
    ),
    Topic(
        slug="onboarding",
        name="Joiners and leavers",
        description="New starters, leavers, transfers, first days",
        department="HR",
        group="HR Services",
        words={
            5: "onboarding, offboarding, new starter, new hire, new joiner, new employee, "
            "leaver, last working day, exit interview, exit checklist, induction, first "
            "day, starter, joiner, welcome pack, exit form, on boarding, starts on monday, "
            "joining us, internship, new starters, re hire, new colleague, starter form, "
            "leaver form, leaving date, starters, leavers, joiners",
            4: "intern, last day, rehire, starting on, new team member, trainee, apprentice, "
            "starts on, probation, buddy, hired, hire, exit date, transfers to, "
            "transferring, maiden name, temp worker, leaving the company, is leaving, "
            "returns from parental leave, off boarding, equipment return",
            3: "checklist, exit, joins, joining, secondment, contractor, leaves the company, "
            "transfer to, internal move, new role, takes over, begins on, her first, his "
            "first, moves to, day one, i'm new, starts, locum, replaces, contract ended, "
            "orientation, begin, start date, seat number, new in the team",
            2: "transfer, hiring, new in, employee, return, hand over, handover, welcome, "
            "begins, equipment, former, new manager, name change",
            1: "laptop and, safety, staff, kit",
        },
    ),
    Topic(
        slug="facilities",
        name="Facilities",
        description="Buildings, rooms, furniture, parking, safety",
        department="Facilities",
        group="Building Services",
        words={
            5: "air conditioning, hvac, elevator, toilet, office chair, standing desk, coffee "
            "machine, light bulb, fire alarm, fire drill, key card, keycard, door lock, "
            "parking space, parking lot, carpet, plumbing, water leak, ceiling, furniture, "
            "washroom, meeting room door, office temperature, radiator, vending machine, "
            "water cooler, visitor card, lost access card, parking permit, lost badge, "
            "badge lost, lost my badge, access cards, new badge",
            4: "heating, parking, chair, cleaning, cleaner, kitchen, fridge, blinds, bathroom, "
            "locker, dishwasher, recycling, badge reader, aircon, thermostat, lift, "
            "restroom, tap, drain, fluorescent, evacuation, gas, dripping, ventilation, "
            "janitor, smoke detector, car park, turnstile, moving desks, first aid, sink, "
            "bike rack, access card, id badge, desk move, badge",
            3: "door, desk, lights, furnace, building, leak*, water, smell*, mice, security "
            "guard, waste, temperature, gate, bin, bulb, freezing, stairs, corridor, office "
            "supplies, draught, lock, damp, mould, landlord, barrier, noise",
            2: "maintenance, reception, lamp, key, keys, cold, hot, wall, roof, basement, "
            "tile, dirty, repair, safety, supplies, entrance, garage, loose, meeting room, "
            "conference room, lost card",
            1: "office, seat, plant, broken, warm, floor, room",
        },
    ),
    Topic(
        slug="billing",
        name="Billing",
        description="Customer invoices, subscriptions, credit notes, taxes",
        department="Finance",
        group="Finance Operations",
        words={
            5: "credit note, overcharged, billing, billing address, invoice is wrong, "
            "wrong invoice, proration, prorated, vat number, invoice missing, "
            "subscription charge, reverse charge, dunning, billed twice, billing period",
            4: "invoice, billed, vat, subscription, bill, account statement, tax id, "
            "annual plan, invoice address, seats billed, upgrade fee, customer invoice, "
            "einvoice, xrechnung, invoiced, invoicing",
            3: "accounting, tax, charges, charged, plan change, discount, downgrade, renewal, "
            "pricing, statement, seats, gst, purchase tax, legal entity on, cancel our plan, "
            "tier, cost of the plan, monthly fee, trial",
            2: "price, plan, debit, amount, line item, per seat, fee, annual, monthly, credit, "
            "invoice number, customer number",
            1: "account, eur, usd, gbp, charge, financial, cost, quarter, pdf",
        },
    ),
    Topic(
        slug="payment",
        name="Payments",
        description="Failed payments, refunds, payouts, expenses",
        department="Finance",
        group="Finance Operations",
        words={
            5: "card declined, chargeback, refund*, reimburse*, expense report, expense claim, "
            "payment failed, payment gateway, direct debit, bank transfer, sepa, payout, "
            "taxi receipt, travel expense, per diem, remittance, card was declined, charged "
            "twice, double charged, iban, 3d secure, payment declined, expense "
            "reimbursement",
            4: "payment, expense, credit card, paypal, stripe, checkout, declined, settlement, "
            "wire transfer, bank account, payments, acquirer, mileage, card terminal, apple "
            "pay, klarna, adyen, overpaid, swift, receipts",
            3: "receipt, paid, debited, transaction, paying, taxi, hotel bill, wire, due date, "
            "bank, twice on, supplier payment, bounced, cash, mastercard, visa, credited, "
            "remitted, corporate card",
            2: "pay, money, finance, transfer, deducted, amount, approved amount, balance, "
            "travel, debit",
            1: "budget, supplier, eur, usd, gbp, duplicate, trip, cart, shop, card, transferred",
        },
    ),
    Topic(
        slug="procurement",
        name="Procurement",
        description="Purchases, orders, quotes, vendors, deliveries",
        department="Finance",
        group="Procurement",
        words={
            5: "purchase order, goods receipt, po number, requisition, purchase request, "
            "procurement, rfq, rfp, quotation, new vendor, vendor onboarding, framework "
            "contract, lead time, new supplier, purchasing, shopping cart in sap, delivery "
            "note, vendor master, purchase requisition, supplier contract",
            4: "purchase, quote, vendor, supplier, po, tender, contract renewal, ariba, coupa, "
            "buyer, minimum order, backorder, purchase approval, order for, allocate the, "
            "asset allocation, sourcing, incoterms, nda, purchased, order request, items "
            "received",
            3: "order, ordered, delivery, delivered, shipment, buy, bought, offer, courier, "
            "pallet, offers, wrong item, catalogue, catalog, asset tag, allocation, price "
            "list, stock, wholesaler, units of",
            2: "contract, arrive, pieces, licences for, units, return, quantity, cost centre, "
            "budget, goods, missing item, need to buy",
            1: "price, cost, license, renewal, equipment, eur, invoice",
        },
    ),
    Topic(
        slug="project",
        name="Internal projects",
        description="Project codes, set-up, budgets, staffing, time booking",
        department="Finance",
        group="Finance Operations",
        words={
            5: "project code, project setup, project set up, wbs, charge code, project number, "
            "project budget, close project, book time, booking time, internal project, "
            "project space, open project, project closure, close the project, new project, "
            "project staffing, timesheet code, project manager change, time booking, "
            "project end date",
            4: "cost center, project, pmo, milestone, workstream, chargeable, billable, "
            "staffing, kick off, kickoff, book hours, booked hours, work package, resource "
            "plan, book my hours, billable hours, steering committee, opportunity id, sales "
            "pipeline, forecast code, task code, client code",
            3: "project manager, project lead, cost centre, project team, budget, fte, non "
            "billable, booking code, resource allocation, forecast, sub project, phase, "
            "book on, hours on",
            2: "hours, code, programme, closed, sponsor, extension, extend, book, portfolio",
            1: "timesheet, plan, end date, charter, stage, approver",
        },
    ),
    Topic(
        slug="general",
        name="General",
        description="Everything else: general questions, lost and found, events",
        department="General",
        group="General Support",
        words={
            5: "lost and found, christmas party, town hall, who do i contact, wrong "
            "department, misdirected, charity, summer party, company photo, found an "
            "umbrella, umbrella, bake sale, fundraiser, wrong address, wrong number, who "
            "should i contact, who is responsible for, family day, team event, wrong queue, "
            "wrong assignment group, please close this ticket, ticket closed by mistake, "
            "change the owner, change of owner",
            4: "canteen, cake, lunch menu, anniversary card, school visit, survey, seo, guest "
            "speaker, raffle, choir, carpool, press enquiry, group photo, great job, well "
            "done, newsletter article, potluck, compliment, reassign, change the approver, "
            "change approver, change of approver, pending approval, waiting for approval, "
            "approval flow, approver change, line manager change, reopen, close the ticket, "
            "move this ticket",
            3: "inquiry, enquiry, event, visitor, found a, lost my, marketing offer, logo "
            "files, opening hours, thank you all, lost property, company history, football, "
            "company information, postcard, flowers, mascot, not sure who, wrong team, "
            "don't know who, volunteer*, sports, gift, birthday, wrongly assigned, "
            "approver, awards, nomination, my queue, our queue, status of my request, "
            "status of my ticket",
            2: "thanks to, lunch, other, dog, ticket was opened by mistake, ignore this, "
            "general question, brochure, poster, bike, press, test ticket, party, ticket, "
            "approval, line manager",
            1: "question, general, nobody knows, please ignore, whom",
        },
        aliases=("other", "unknown"),
    ),
)
