"""The words that speak of impact and urgency, as patterns that `triage.phrases` expands."""

from enum import StrEnum
from typing import Final


class Kind(StrEnum):
    EVERYBODY = "many people, or all"
    TEAM = "several people, or a system that several share"
    ONE = "only the sender"
    DANGER = "people or data are in danger"
    STANDSTILL = "work stands still"
    PRESSING = "it must happen at once"
    SOON = "hampered, or a date comes near"
    ASKING = "a question or a wish"
    CALM = "it can wait"


_PEOPLE: Final = (
    "users|people|customers|clients|employees|staff|colleagues|agents|guests|students|members|"
    "patients"
)
_CANNOT: Final = "cannot|can't|cant|couldn't|can_not|unable_to|not_able_to"

PHRASES: Final[dict[Kind, tuple[str, ...]]] = {
    Kind.EVERYBODY: (
        "everyone|everybody in|at|on|across the|our company|office|site|building|campus",
        "everyone|everybody is|are affected|down|offline|locked_out|stuck|hit|blocked",
        "everyone|everybody cannot|can't|cant|lost",
        (
            "all|most of? our|the|my? users|people|customers|clients|employees|staff|"
            "agents|sites|offices|branches|stores|shops|servers|nodes|hosts|pods"
        ),
        "many|multiple of? our? users|people|customers|clients|employees|sites|offices|stores",
        (
            "whole|entire|complete company|office|site|building|campus|region|"
            "organisation|organization|cluster|network|plant|factory|hospital|school|"
            "business|call_centre|call_center"
        ),
        "company|site|group|office wide|wide_outage",
        "companywide|sitewide|worldwide|globally",
        "nobody|no_one|none_of_us can|is_able|gets",
        "our? customers cannot|can't|cant|see|get|are|keep|call|complain",
        "production|prod is? down|outage|incident",
        "for all|every customers|customer|users|user|tenants|tenant",
    ),
    Kind.TEAM: (
        (
            "whole|entire|my|our|complete team|department|floor|group|shift|warehouse|"
            "store|branch|class|ward|crew|unit|dept"
        ),
        (
            f"several|some|few|other|both of? our|the? {_PEOPLE}|us|teams|servers|sites|"
            "departments|nodes|hosts"
        ),
        (
            "everyone|everybody|colleagues|coworkers|customers|clients|production|prod|"
            "developers|devs|students|tenants"
        ),
        f"we|we_all|all_of_us {_CANNOT}|are_stuck|are_blocked|lost",
        (
            "users|agents|people|guests|drivers|nurses|teachers see|get|are|complain|"
            "report|cannot|can't|have|keep|receive"
        ),
        "for|in our|the whole? team|department|branch|office|plant|warehouse|region",
        "shared mailbox|drive|folder|calendar|printer|account|screen",
    ),
    Kind.ONE: (
        "only|just me|my_account|my_laptop|my_pc|my_machine|one_user|one_person",
        "everyone|everybody else is_fine|works|can|has|is_ok",
        "others|other_people|my_colleagues|all_others can|don't|do_not|are_fine|have_no",
        (
            "works|fine|ok for everyone_else|everybody_else|all_others|others|"
            "my_colleagues|my_colleague"
        ),
    ),
    Kind.DANGER: (
        "fire in|on|at|broke_out|brigade|department",
        "on fire",
        "burning|burnt smell|cable|plastic|rubber|electric",
        "smell of burning|gas|smoke",
        "smoke|sparks|flames from|out|coming|in|is",
        "gas|water leak|leaking",
        "ceiling leaking|is_leaking|dripping|collapsed",
        (
            "flooded|flooding|injured|injury|electrocuted|electric_shock|evacuate|"
            "evacuated|ambulance|unconscious"
        ),
        "stuck|trapped in the? lift|elevator",
        "ransomware|data_breach|security_breach|data_leak|dataleak|data_loss|exfiltration",
        "losing|lost all? our? data|orders|money|revenue|customers",
        "data is|was|got|has_been lost|deleted|corrupted|leaked|exposed|gone",
        "hacked|compromised|breached",
        "files are? encrypted",
        "i|he|she|we|they clicked|entered|typed on? the|a|my|his|her? link|password|credentials",
        "active|ongoing|possible|suspected attack|breach|intrusion|ddos",
        "credentials|password|key|token|keys leaked|exposed|published|stolen|on_github",
    ),
    Kind.STANDSTILL: (
        "outage|unreachable|unavailable|standstill|blackout|down_again|offline",
        "is|are|was|were|went|goes|go|gone|been|completely|all|still|totally down|offline|dead",
        (
            "server|servers|host|port|link|node|service|status|site|line|network|"
            "internet|website|system|systems|app|vpn|shop|webshop|till|tills|database|db|"
            "api|wifi|cluster|switch|operstatus|queue|it|portal|store down|offline|dead|"
            "unreachable"
        ),
        "down since|for|state|hard",
        "not working|responding|reachable|available at_all|anymore|any_more",
        "nothing|none_of_it works|work|goes|prints|loads|happens|moves|gets_through",
        (
            "whole|entire company|office|site|team|department|floor|shift|warehouse|"
            "store|ward offline|down|idle|waiting|stuck|dead|without"
        ),
        (
            f"we|nobody|no_one|customers|users|agents|staff|i|they|tills can|{_CANNOT} "
            "work|pay|order|sell|ship|book|bill|invoice|check_out|log_in|login|log_on|sign_in|"
            "get_in|take_calls|print|connect|reach|access|start|load|scan|dispense|open"
        ),
        "cannot|can't work|sell|ship|pay|bill|invoice|take_orders|check_out|checkout|dispense",
        (
            "work|production|line|belt|shipping|warehouse|trading|sales stopped|stands|"
            "standing|stands_still|halted|idle|is_blocked|has_stopped|at_a_standstill"
        ),
        "completely|totally|fully blocked|stuck|locked|dead|broken",
        (
            "trucks|lorries|drivers|customers|patients|people|guests|nurses|crew|team is|"
            "are waiting|queueing|queuing|standing|stuck|stranded|sitting"
        ),
        (
            "crashloopbackoff|oomkilled|kernel_panic|panic|out_of_memory|split_brain|"
            "quorum_lost|lost_quorum"
        ),
        "disk|volume|filesystem|log|tablespace is? full|#",
        "no space left",
        "double|twice charged|billed",
        "charged|billed twice|double",
        "locked out",
        "firing|problem_alert|problem_started|notready",
        (
            "all|every orders|payments|transactions|logins|requests|calls|jobs|builds|"
            "deployments|customers|cards fail|failing|failed|are_failing|rejected|"
            "declined|are_declined|time_out|hang|stuck"
        ),
        (
            "orders|payments|payouts|checkout|shipments are|is not_going_through|failing|"
            "stuck|piling_up|declined"
        ),
        "wrong|double price|prices|payments|payment|salaries",
        "5xx|http_500|http_502|http_503|returns_500|returns_502|returns_503|error_rate",
        "phished|malware|virus|stolen|phishing|leaked|ddos|trojan",
        "too_many_connections|connection_refused|replication_stopped|deadlock_storm",
    ),
    Kind.PRESSING: (
        "asap|urgent|urgently|immediate|immediately|emergency|critical|urgnt|urgant",
        "right now|away please|pls|asap|please_help",
        "at once",
        "top|highest|utmost priority|urgency",
        "sev|severity|prio|priority one|critical|highest|urgent|0|1",
        "sev0|sev1|p0|p1|prio1",
        "deadline is? today|tonight|in_an_hour|in_#_hours|in_#_minutes|noon|#_pm",
        (
            "by|before|until|till|latest eod|end_of_day|today|tonight|noon|lunch|"
            "midnight|close_of_business|cob|#_today|end_of_business|this_evening|"
            "this_afternoon"
        ),
        (
            "needed|due|live|launch|starts|begins|payroll|payday|expires|ends today|"
            "tonight|now|in_#_minutes|in_#_hours|at_noon|in_an_hour|in_half_an_hour"
        ),
        (
            "in|within the_next? #|an|half_an|one|two|three|couple_of|few|20|30 minutes|"
            "mins|minute|hours|hour|hrs"
        ),
        "cannot|can't|cant wait",
        "waiting for hours|an_hour|#_hours",
        "every minute|hour|second counts|costs|we_lose|is_costing",
        "now !",
        (
            "ceo|board|chairman|minister demo|meeting|presentation|is_waiting|waiting "
            "now|today|in_#|starts|is_waiting|waiting"
        ),
        "losing|lose money|customers|orders|sales|revenue",
    ),
    Kind.SOON: (
        (
            "today|tonight|tomorrow|tmrw|tomorow|soon|quickly|this_week|this_afternoon|"
            "this_morning|this_evening|shortly"
        ),
        (
            "by|before|until|till|on|from|starts|start|this|latest monday|tuesday|"
            "wednesday|thursday|friday|saturday|sunday|mon|tue|wed|thu|fri|weekend|"
            "the_weekend"
        ),
        "end of the? week|month",
        "by|before the? #|1st|end_of_the_month|month_end|quarter_end|deadline|go_live",
        (
            "deadline|overdue|due|expires|expiring|expired|expire|go_live|going_live|"
            "month_end|year_end|payroll_run"
        ),
        (
            "slow|slower|slowly|sluggish|laggy|lag|lagging|latency|intermittent|"
            "intermittently|sometimes|occasionally|degraded|flaky|unstable|randomly"
        ),
        (
            "error|errors|exception|traceback|timeout|timeouts|timed_out|denied|refused|"
            "rejected|invalid|unauthorized|forbidden|crash|crashes|crashed|crashing|"
            "corrupt|corrupted"
        ),
        (
            "fails|fail|failed|failing|failure|broken|broke|bug|wrong|incorrect|missing|"
            "stuck|hangs|freezes|frozen|blocked|locked|lost|gone|disappeared|vanished|"
            "blank|empty|nothing|never"
        ),
        (
            "not|doesn't|does_not|didn't|don't|won't|isn't|no_longer|stopped|dont|doesnt|"
            "wont work|working|load|loading|start|starting|open|opening|print|printing|"
            "connect|send|sent|arrive|arrived|receive|received|show|showing|sync|syncing|"
            "respond|responding|come|came|find|recognise|recognised|appear|ring|charge|"
            "turn_on|boot|save|update|reach|reachable|get_any|let|accept|accepted"
        ),
        (
            "cannot|can't|cant|couldn't|unable|impossible|workaround|again|still|keeps|"
            "delay|delayed|delays|down|leak|leaking|noise|noisy|hot|cold|smells|dirty"
        ),
        "please|pls|kindly help|hurry|fix|advise_soon",
        (
            "vip|ceo|cfo|cto|director|chairman|chairwoman|auditor|auditors|audit|"
            "board_meeting|inspection"
        ),
        "suspicious|suspicous|scam|spoofed|strange_mail|vulnerability|cve|virus|unauthorised",
        "new starter|hire|joiner|colleague starts|begins|on|from",
        (
            "complaint|complain|complaining|annoyed|angry|upset|unacceptable|third_time|"
            "second_time|reminder_#"
        ),
    ),
    Kind.ASKING: (
        "how do|can|to|does|would|should|is i|we|one|you|it|this|that|my",
        "how|where to|can_i|do_i|do_we|can_we|does_one",
        (
            "what is|are|does|do|would|should|'s the|a|this|that|these|best|correct|"
            "difference|mean|exit|i|we"
        ),
        "what's|whats the|best|our|this|a|your",
        "is it|this|that possible|allowed|intended|normal|correct|supported|okay|ok",
        (
            "is|are there any|a|an|some way|option|plan|plans|guide|documentation|"
            "tutorial|list|policy|template|possibility"
        ),
        (
            "question|questions|wondering|curious|suggestion|suggestions|sugestion|idea|"
            "ideas|wish|feedback|wishlist|proposal|roadmap|feature_request"
        ),
        (
            "could|can|would|will you|it|we please|pls? add|offer|support|consider|have|"
            "get|explain|tell|be_possible|recommend"
        ),
        "please|pls|kindly add|consider|explain|tell_me|advise|support|build",
        (
            "would|it_would|it'd|that_would|would_really be|help|save|love nice|great|"
            "good|cool|lovely|handy|helpful|useful|a|us|to"
        ),
        "i'd|we'd|i_would|we_would love|like|appreciate|prefer|find|use a|an|to|it|if|the",
        "who do|is|can|should|decides|approves|handles i|responsible|in_charge|the|we|that",
        (
            "which of|form|one|version|port|field|setting|tool|permission|cost|plan do|"
            "is|should|are|the|for"
        ),
        "am|are i|we allowed|entitled|eligible",
        "do|can|may i|we need|have|get|swap|keep|carry|bring|ask|use|take|still",
        "thank|thanks you|a_lot|for_the|to for|everyone|all",
    ),
    Kind.CALM: (
        "no|without|not_in_a|don't|dont rush|hurry|urgency|pressure|stress|panic|worry",
        "whenever you|someone|it|there|somebody|suits|possible|convenient",
        (
            "when you|someone|somebody have|has|get|find|gets|finds a|some|the? time|"
            "minute|chance|moment|spare_minute"
        ),
        "low|lowest|least priority|prio|urgency",
        (
            "just a|an|one|some? quick|small|little|simple|general|silly? question|idea|"
            "suggestion|thought|query"
        ),
        "just|only wondering|curious|fyi|asking|for_information|out_of_curiosity|for_interest",
        "would be|have_been nice|great|cool|lovely|good|handy to_have|but|someday|some_day|one_day",
        "nice to have",
        "fyi",
        "for information|info only",
        "at your convenience|leisure|earliest_convenience",
        "next quarter|sprint|year|release|month|version|round",
        "resolved|fixed|sorted|solved itself|already|by_itself|on_its_own|meanwhile",
        "can|could|may|will wait",
        (
            "not dramatic|time_critical|a_drama|bad|important|blocking|so_important|"
            "a_big_deal|in_a_hurry|yet_dramatic"
        ),
        "no action|reply|answer|incident|big_deal|drama required|needed|necessary",
        "feature|enhancement request",
        "minor|trivial|cosmetic|lowprio",
        "some day|someday|sometime",
        "staging|test|training|dev|sandbox|training environment|cluster|system only",
        "p4|sev4|sev3",
    ),
}
