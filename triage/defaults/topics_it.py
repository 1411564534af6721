"""Topics of the IT departments: machines, networks, accounts, tools."""

from typing import Final

from triage.defaults.words import Topic

IT_TOPICS: Final = (
    Topic(
        slug="infrastructure",
        name="Infrastructure",
        description="Servers, virtual machines, cloud, Kubernetes, outages",
        department="IT Support",
        group="Infrastructure",
        words={
            5: "servers unreachable, crashloopbackoff, kubernetes, hypervisor, load balancer, "
            "virtual machine, ci runner, esxi, crash loop, systemd",
            3: "server down, server is down, citrix, vdi, k8s, vm, vms, node, pod, cluster, "
            "ec2, oomkilled, evicted, vmware, vcenter, proxmox, oom, host unreachable, host "
            "down, site is down, data center, datacenter, data centre, kernel, nginx, "
            "haproxy, jenkins, runner, cpu usage, cpu load, high cpu, memory usage, outage, "
            "terminal server, reboot the server, restart the server, namespace, ingress, "
            "autoscal*, load average, power supply unit, app pool, iis, ansible, hpc, slurm",
            2: "server, host, cpu, ram, aws, azure, gcp, docker, container, unreachable, "
            "nagios, prometheus, hostname, infrastructure, rack, ups, system down, "
            "instance, swap, firing, uptime, virtual, memory, cert, ssl certificate, tls "
            "certificate, load, farm, blade, ilo, idrac, daemon, gpu node, build agent",
            1: "down, prd, reboot, restart, restarted, cloud, certificate, monitoring, "
            "production, capacity, provision, 503, ssh, linux, console, killed",
        },
        exclude={1: "observer"},
    ),
    Topic(
        slug="network",
        name="Network",
        description="VPN, Wi-Fi, DNS, firewall, connections",
        department="IT Support",
        group="Network",
        words={
            5: "vpn, vpn login, login to vpn, log in to vpn, packet loss, vlan, dhcp, vpn "
            "tunnel, access point, no wifi, internet line, network switch",
            4: "wifi, wlan, firewall, dns, router, anyconnect, globalprotect, wireguard, bgp, "
            "subnet, wireless",
            3: "ethernet, proxy, switch port, patch port, uplink, no internet, no network, no "
            "connection, tunnel, bandwidth, mbit, udp, tcp, mtu, nat, fibre, lan, wan, "
            "resolver, ssid, ipsec, dmz, ntp, network socket, wall port, wall socket, "
            "traceroute, leased line, network cable, internet connection",
            2: "network, internet, latency, ping, ip, ip address, connectivity, connection "
            "drops, connection, traffic, carrier, segment, hotspot, switch in, whitelist, "
            "gateway, circuit, voip",
            1: "port, offline, remote, home office, connect, slow, streaming, line, dropped, "
            "signal",
        },
    ),
    Topic(
        slug="authentication",
        name="Authentication",
        description="Login, passwords, MFA, SSO, locked accounts",
        department="IT Support",
        group="Service Desk",
        words={
            5: "password reset, pw reset, reset my password, reset password, forgot my password, "
            "forgotten password, locked out, account locked, account is locked, "
            "locked account, unlock my account, password expired, second factor, "
            "invalid credentials, authentication failed, cannot log in, can't log in, "
            "cannot login, can't login, cannot sign in, can't sign in, unable to log into",
            4: "password, mfa, 2fa, authenticator, passcode, one time code, login failed, "
            "account disabled, saml, passkey, single sign on, wrong password, pasword, "
            "passwort, login page, sign in page",
            3: "login, log in, sign in, sso, otp, unlock, username, user name, smartcard, "
            "smart card, credential, authentication, ldap, oauth, okta, adfs, kerberos, "
            "logged out, sign on, signed out, yubikey",
            2: "log on, logon, logging in, logged in, locked, pin, identity, auth, fingerprint, "
            "face id, my account, bitlocker, invalid, factor, disabled",
            1: "pw, account, token, expired, denied, code, temporary, attempts, domain",
        },
    ),
    Topic(
        slug="access_request",
        name="Access request",
        description="Permissions, roles, shares, licence seats",
        department="IT Support",
        group="Service Desk",
        words={
            5: "access request, request access, need access, needs access, give access, grant "
            "access, admin rights, administrator rights, read access, write access, access "
            "rights, security group, ad group, remove access, revoke access, local admin, "
            "edit rights, insufficient privilege, authorised to perform, not authorized to "
            "perform, license request, licence request, repository access, folder "
            "permissions",
            4: "access to, permission, add me to, privilege*, entitlement, access for, write "
            "permission, read permission, read only access, admin access, right for, rights "
            "for, rights on, no rights, seat for, a seat, role for, role in, elevated, "
            "create account, create an account, account creation, create user, new user "
            "account, user creation, service account, license for, licence for, licenses "
            "for, contribute access, visitor access, same rights, same access, request a "
            "license, studio license, studio licence, disable account, enable account, "
            "permissions of",
            3: "grant, role, revoke, authorization, authorisation, authorised, authorized, "
            "group membership, shared mailbox, owner of, give me, please give, delegate, "
            "rw, read only, viewer, co owner, member of, take away, guest access, "
            "repository, license, licence, gitlab, bitbucket, mirror access, mirroring, "
            "jira, confluence, team site",
            2: "access, rights, membership, seat, invite, editor, folder, allowed to see, "
            "approved by, approver, rbac, can see, not allowed, substitute, sudo, repo, "
            "git, github, subscription for, assign license, external user",
            1: "admin, see the, sharepoint, user, permitted",
        },
        aliases=("access",),
    ),
    Topic(
        slug="hardware",
        name="Hardware",
        description="Laptops, monitors, printers, phones",
        department="IT Support",
        group="IT Support",
        words={
            5: "docking station, paper jam, keyboard, new laptop, broken laptop, hard drive, "
            "external monitor, laptop battery, power brick, cracked screen, second monitor, "
            "toner, screen sharing, conference phone, video conferencing, headphones",
            4: "headset, webcam, charger, printer, mouse, hdmi, dock, scanner, hinge, "
            "touchpad, trackpad, displayport, no boot device, barcode scanner, display "
            "port, fan noise, thinkpad, label printer, usb c, laptop, monitor, hdmi cable, "
            "phone not working, video conference, cables, laptop bag, backpack, mobile "
            "phone, polycom, tv",
            3: "notebook, battery, usb, projector, microphone, beamer, touchscreen, adapter, "
            "adaptor, cartridge, loaner, warranty, lid, workstation, hardware, bios, power "
            "button, loudspeaker, blue screen, bsod, usb stick, graphics card, ssd, "
            "handset, camera, macbook, zebra, elitebook, pos terminal, replacement device, "
            "black screen, computer, desk phone, extension number, usb cable, hardware "
            "replacement, jabber, deskphone, sim card",
            2: "display, tablet, ipad, iphone, phone, cable, device, power cable, spare, tray, "
            "print, printing, speaker, sound, fan, beep*, flicker*, dropped it, fell, "
            "swollen, plug, stylus, cracked, replacement, receipt printer, ram upgrade, "
            "peripherals, overheat*, liquid, spilled, spilt, screen",
            1: "pc, desktop, counter, power, charge, hot, broken, bent, black, model, lamp, "
            "pen, asset, buzz*, desk",
        },
    ),
    Topic(
        slug="software",
        name="Software",
        description="Installing, updating, crashing applications",
        department="IT Support",
        group="IT Support",
        words={
            5: "software center, software request, license key, licence key, product key, "
            "reinstall, uninstall, windows 11, install the, software installation, install "
            "software, blue screen after update",
            4: "installer, install, installation, installed, autocad, photoshop, acrobat, msi, "
            "add in, addin, macos, company portal, plug in, software, windows update, dll, "
            "driver update, microsoft 365 apps, intune, office update",
            3: "excel, powerpoint, adobe, driver, upgrade, crashes when, crashes on, crashing, "
            "rollout, package, new version, latest version, workbook, macro, runtime, sap "
            "gui, libreoffice, matlab, bluebeam, revit, indesign, chrome extension, java, "
            "python, update to",
            2: "version, plugin, windows, crash, word, vs code, app store, solidworks, pdf, "
            "trial, freeze, compatibility, unlicensed, activation, module, patch, licence, "
            "license, visual studio",
            1: "office, app, pc, chrome, edge, opens, starts, older, reboot, tool, exception, "
            "free, update, application, program",
        },
    ),
    Topic(
        slug="email",
        name="E-mail and messaging",
        description="Outlook, mailboxes, calendars, chat",
        department="IT Support",
        group="Messaging",
        words={
            5: "outlook, mailbox, distribution list, mailing list, out of office, meeting "
            "invite, email account, undeliverable, delivery failure, spam folder, non "
            "delivery, junk folder, email signature, calendar invite, shared calendar, mail "
            "server, auto reply, email address, distribution group",
            4: "inbox, bounce*, ndr, smtp, meeting invitation, free busy, cannot access email, "
            "pst, thunderbird, mail flow, email rule, sent items, mails are not, imap, "
            "exchange online, owa, mail rule, junk, spf, dkim, dmarc, email group, shared "
            "mailbox, new mailbox, all staff list, mail forwarding, forward mails, members "
            "of the list",
            3: "teams channel, teams meeting, teams chat, mail, gmail, exchange, quarantine, "
            "spam, zoom meeting, recipient, resend, calendar, appointment, slack, ooo, "
            "archive mailbox, chat",
            2: "email, teams, attachment, sender, meeting, draft, signature, distribution, "
            "forwarded, recall, zoom, forwarding, messages, invitation, alias",
            1: "folder, send, channel, rule",
        },
    ),
    Topic(
        slug="database",
        name="Database",
        description="Queries, replication, connections, data fixes",
        department="IT Support",
        group="Database",
        words={
            5: "deadlock, slow query, tablespace, stored procedure, too many connections, "
            "replication lag, sql server, connection pool, postgres, postgresql, mysql, "
            "mariadb, mongodb, ora, query plan, autovacuum, data fix, materialized view, "
            "materialised view, oracle database, oracle db, oracle instance, select "
            "statement",
            4: "database, sql, replica, replication, pg_dump, pgbouncer, foreign key, primary "
            "key, execution plan, innodb, mssql, redis cluster, failover replica, vacuum, "
            "statement timeout, schema change, dba, clickhouse",
            3: "db, query, queries, schema, index, rows, sequence, long running, lock wait, "
            "delete from, insert into, update statement, constraint, transaction log, wal, "
            "migration script",
            2: "rollback, duplicate key, timestamps, standby, migration, column, restore of "
            "the db, locks",
            1: "connections, backup, records, staging, prod, dump, oracle, table",
        },
    ),
    Topic(
        slug="storage",
        name="Storage and backup",
        description="Disks, quotas, shares, backups, restores, lost files",
        department="IT Support",
        group="Infrastructure",
        words={
            5: "disk full, no space left, disk space, file share, network drive, shared drive, "
            "mailbox full, mailbox size, deleted folder, deleted file, lost files, backup "
            "failed, backup job, restore from backup, s3 bucket, storage quota, mailbox "
            "quota, recycle bin, overwritten, quota exceeded, increase mailbox, mailbox "
            "almost full, mailbox is full, mailbox limit, increase mailbox size, mailbox "
            "capacity, archive folder",
            4: "backup, quota, nas, san, veeam, lun, raid, restore, snapshot, filesystem, file "
            "system, tape, onedrive, drive letter, storage, netapp, synology, previous "
            "version, smb, nfs, accidentally deleted, disk usage, shared folder, network "
            "folder, network path, document library, network share, file permissions, pst "
            "file, mapped drive",
            3: "disk, bucket, restored, recover, file server, archive, volume, external drive, "
            "share, dfs, gb, tb, out of space, retention, inode*, h drive, s drive, p "
            "drive, g drive, folder, archiving, sharepoint folder, sharepoint, free up "
            "space",
            2: "space, drive, files, deleted, disappeared, full, dropbox, google drive, disks, "
            "documents, size limit, mailbox, file",
            1: "gone, copy, upload, size, increase, missing, directory",
        },
    ),
    Topic(
        slug="security",
        name="Security",
        description="Phishing, malware, leaks, vulnerabilities, lost devices",
        department="IT Support",
        group="Security",
        words={
            5: "phishing, malware, ransomware, vulnerability, data leak, data breach, ddos, "
            "brute force, hacked, penetration test, pentest, clicked the link, clicked a "
            "link, stolen laptop, trojan, cve, security incident, suspicious email, "
            "suspicious mail, phising, lost laptop, usb stick found",
            4: "virus, compromised, suspicious, scam, leaked, breach, spoof*, stolen, edr, "
            "antivirus, defender, impersonat*, keylogger, exploit, attacker, fraudulent, "
            "siem, soc, crowdstrike, quishing, impossible travel, suspicious login, gift "
            "cards",
            3: "exposed, unauthorized, unauthorised, security, strange mail, secret, "
            "malicious, infected, botnet, fraud, hacker, intrusion, unknown sign in, "
            "exfiltration, wrong recipient, confidential data, encrypted files",
            2: "attack, fake, strange, clicked, credentials, lost my laptop, personal data, "
            "gdpr, scan, left on the train, public repo, publicly",
            1: "confidential, threat, blocked, weird, lost, popup, token, encrypted, link, unknown",
        },
    ),
)
