"""Topics about our own product and about how things are used."""

from typing import Final

from triage.defaults.words import Topic

PRODUCT_TOPICS: Final = (
    Topic(
        slug="bug",
        name="Bug",
        description="Defects of our product's back end or API",
        department="IT Support",
        group="Applications",
        words={
            5: "stack trace, traceback, nullpointerexception, steps to reproduce, internal "
            "server error, regression, off by one, wrong result, race condition, index out "
            "of range, nullreferenceexception, memory leak",
            4: "bug, returns 500, http 500, api returns, typeerror, keyerror, valueerror, "
            "unhandled exception, segfault, illegalstateexception, panic, duplicate "
            "records, wrong total, wrong totals, rounding, null pointer",
            3: "exception, defect, endpoint, reproduce, reproducible, calculated wrong, "
            "calculates, incorrect, since the release, after the release, after deploy, "
            "api, 500, off by, rounded, wrong amount, wrong value",
            2: "expected, actual, crash*, unexpected, timezone, time zone, utc, since version, "
            "release, result, import, export, total, sums, sorted wrong, calculation, "
            "wrong, json, response, duplicated",
            1: "error, fails, failed, failing, broken, error message, payload",
        },
    ),
    Topic(
        slug="frontend",
        name="User interface",
        description="Layout, buttons, browsers, translations, accessibility",
        department="IT Support",
        group="Applications",
        words={
            5: "css, layout, dropdown, misaligned, overlap*, screen reader, tooltip, blank "
            "page, white page, hamburger menu, user interface, z index, uncaught typeerror, "
            "greyed out, date picker, datepicker, popover",
            4: "button, modal, scroll*, ui, safari, firefox, accessibility, responsive, "
            "render*, placeholder, sidebar, checkbox, scrollbar, mistranslated, "
            "translation, landscape, contrast, cut off, text is cut, font, white screen, "
            "autocomplete, off screen, hover",
            3: "dark mode, browser, mobile app, icon, javascript, page, form field, header, "
            "footer, banner, spinner, column header, dialog, typo, label, tab key, keyboard "
            "navigation, voiceover, screen width, android app, ios app, zoom level, click*, "
            "colours, logo, drag and drop",
            2: "menu, chrome, tab, display*, width, image, pixel, edge, iphone, flickers, "
            "popup, pop up, android, field, nothing happens, blank, shows",
            1: "screen, colour, text, app, tablet, mobile, list, view",
        },
    ),
    Topic(
        slug="configuration",
        name="Configuration",
        description="Settings, feature flags, schedules, limits",
        department="IT Support",
        group="Applications",
        words={
            5: "environment variable, env var, feature flag, misconfigured, config file, "
            "wrong setting, default value, increase the limit, raise the limit, configmap, "
            "crontab, change the setting, change the default",
            4: "configuration, config, configured, yaml, parameter, setting, set it to, set to, "
            "cron, set it back, rate limit, max size, log level, toggle, terraform, helm, "
            "appsettings, properties, kill switch",
            3: "variable, default, threshold, timeout, schedule, retention, tenant, value, "
            "helm chart, json, should be set, switch off, switch on, turn on, turn off, flag, "
            "switched off, allow list, maximum, please set, pls set, env, time zone of, "
            "base url, ttl",
            2: "limit, deploy*, staging, should be, values, instance, workflow, change the, "
            "instead of, set the, pool size, prod, interval, max, default language, rule, "
            "environment",
            1: "set, change, production, allowed, level, pipeline, cache, points to, enable, "
            "disable, upload",
        },
    ),
    Topic(
        slug="notification",
        name="Notifications",
        description="Alerts, reminders, webhooks of a system",
        department="IT Support",
        group="Applications",
        words={
            5: "notification, unsubscribe, not notified, notified, alert fatigue, confirmation "
            "email, confirmation mail, duplicate emails, reminder email, reminder mail, "
            "alert rule, push message, sms alert, no alert, email notification, order "
            "confirmation",
            4: "reminder, webhook, notify, sms, digest, pagerduty, opsgenie, alertmanager, "
            "text message, push notification, no email, no mail, stop sending, weekly mail, "
            "status mail, alert channel, no reminder",
            3: "alert, alerting, subscription email, subscribed, push, paged, escalation mail, "
            "mailing, recipients, on call, automatic mail, warning mail, newsletter, alert "
            "mail, no message, got no, bot",
            2: "receiver, subscriber, warning, recipient, twice, texts, template, triggers, "
            "not received, never got, didn't get",
            1: "wrong person, late, delay, nobody",
        },
    ),
    Topic(
        slug="feature_request",
        name="Feature request",
        description="Wishes for new product functions",
        department="IT Support",
        group="Applications",
        words={
            5: "feature request, enhancement, would be nice, would be great, would be lovely, "
            "nice to have, could you add, can you add, add an option, suggestion, roadmap, "
            "wishlist, wish list, product team, would be cool, would be helpful, kindly "
            "consider, we'd love, would be useful, feature idea, suggestions, please "
            "consider adding",
            4: "i'd love, it would help, would help us, add support, support for, ability to, "
            "product feedback, it'd be, sugestion, improvement, any plans, are there plans, "
            "are you planning, your product, would save, would love, could you build, "
            "please build, why is there no, should be able to, upcoming release",
            3: "idea, wish, feature, improve*, integration with, it would be, bulk edit, next "
            "version, missing feature, vote, competitor, why can't, half a day, would like "
            "to, let users, so that i, option to, allow us, please consider making, "
            "consider adding",
            2: "let me, export to, import from, drag, keyboard shortcut, template, "
            "automatically, would be, customisable, could we, customizable, every time, by "
            "hand, at once, in one go, instead of, we'd, offer, please add a",
            1: "would, save, better, column, product, colour, filter, useful, love",
        },
        aliases=("feature",),
    ),
    Topic(
        slug="technical_support",
        name="Technical support",
        description="How to use tools and the product",
        department="IT Support",
        group="Service Desk",
        words={
            5: "how do i, how to, how can i, how do you, how does one, walk me through, user "
            "manual, user guide, what is the correct way, best practice, training material, "
            "step by step, how do we, what's the difference, what is the difference, how "
            "should i, show me how",
            4: "where can i find, where do i, where's the, tutorial, documentation, "
            "instructions, what does, manual, how can we, how would i, is there a guide, "
            "cheat sheet, what is the best, guidance, how is",
            3: "explain, guide, docs, is it possible to, is there a way, what's the, which "
            "setting, what is, how does, where is, help me understand, need to know, want "
            "to know, how one, recommended, what happens if, clarify, faq, is there an, "
            "wiki",
            2: "help me, how, question about, don't know how, can someone show, understand, "
            "find the, way to, training, can i, understanding, beginner, not working, does "
            "not work, unable to, doesn't work, problem with, issue with, strange "
            "behaviour, not available, not responding",
            1: "question, what, where, which, meaning, or should, support, issue, problem",
        },
        aliases=("support",),
    ),
)
