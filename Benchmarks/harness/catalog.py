"""What a row of the table is, and which figures it has; the rows themselves are in rows.py, their bars in bars.py."""

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Bar:
    """What Warren is to reach on a row: a figure at most `ratio` times that of the best of `against` (when empty: of all
    peers as they come), or `ratio` times the same candidate's on the row `beside`; at most `limit`, or at least `least`,
    in the figure's own unit."""

    figure: str
    ratio: float = 0.0
    limit: float = 0.0
    least: float = 0.0
    against: tuple = ()
    beside: str = ""
    candidate: str = "warren"


@dataclass(frozen=True)
class Row:
    """One line of the table."""

    name: str
    topology: str
    measure: str
    title: str
    settings: dict = field(default_factory=dict)
    #: Part of the short run.
    short: bool = False
    #: Measured without a proxy as well.
    direct: bool = False
    #: Repetitions, unless the run says otherwise; 1 where a figure hardly varies.
    repetitions: int = 0
    resumed: bool = True
    #: Workers of each process; "auto" for one a core.
    workers: object = 1
    #: Targets behind each candidate.
    targets: int = 1
    #: Candidates beside the main ones (see Candidate.is_main) that the row has time for.
    extras: tuple = ()
    #: The only candidates that it has, when not empty.
    only: tuple = ()
    #: Descriptors that one process needs for it.
    descriptors: int = 1024
    bars: tuple = ()


#: Figures: unit, how to print, and whether less is better.
FIGURES = {
    "cpu_s_per_gb": ("CPU s/GB", ".3f", True),
    "cpu_user_s_per_gb": ("user s/GB", ".3f", True),
    "cpu_system_s_per_gb": ("system s/GB", ".3f", True),
    "cpu_path_s_per_gb": ("s/GB with client and server", ".3f", True),
    "cpu_agent_s_per_gb": ("agent s/GB", ".3f", True),
    "gbit_per_s": ("Gbit/s", ".1f", False),
    "cpu_us_per_request": ("CPU us/request", ".1f", True),
    "cpu_user_us_per_request": ("user us/request", ".1f", True),
    "cpu_system_us_per_request": ("system us/request", ".1f", True),
    "cpu_path_us_per_request": ("us/request with client and server", ".1f", True),
    "cpu_agent_us_per_request": ("agent us/request", ".1f", True),
    "requests_per_s": ("requests/s", ",.0f", False),
    "p50_us": ("p50 us", ",.0f", True),
    "p90_us": ("p90 us", ",.0f", True),
    "p99_us": ("p99 us", ",.0f", True),
    "p99_9_us": ("p99.9 us", ",.0f", True),
    "max_us": ("max us", ",.0f", True),
    "lag_p99_us": ("generator lag p99 us", ",.0f", True),
    "rate": ("rate", ",.0f", False),
    "jain": ("Jain index", ".4f", False),
    "off_percent": ("% off what was set", ".2f", True),
    "cpu_unlimited_s_per_gb": ("CPU s/GB without the limit", ".3f", True),
    "cpu_unlimited_us_per_request": ("CPU us/request without the limit", ".1f", True),
    "rss_mb": ("MB with none", ".1f", True),
    "kb_per_tunnel": ("KB per tunnel", ".2f", True),
    "kb_per_tunnel_per_hop": ("KB per tunnel and hop", ".2f", True),
    "rss_after_mb": ("MB after they closed", ".1f", True),
    "rss_kept": ("memory after / before", ".2f", True),
    "agent_rss_mb": ("MB of the agent", ".1f", True),
    "syscalls_per_request": ("syscalls/request", ".1f", True),
    "syscalls_per_connection": ("syscalls/connection", ".1f", True),
    "syscalls_per_mb": ("syscalls/MB", ".1f", True),
    "mice_p50_us": ("mice p50 us", ",.0f", True),
    "mice_p99_us": ("mice p99 us", ",.0f", True),
    "growth_mb": ("memory grown MB", ".1f", True),
    "converge_ms": ("ms to converge", ",.0f", True),
    "failed": ("failed requests", ",.0f", True),
    "held": ("failed, under way at the fault", ",.0f", True),
    "late": ("requests over 100 ms", ",.0f", True),
    "back_ms": ("ms until it has traffic again", ",.0f", True),
    "register_us": ("agent CPU us/registration", ",.0f", True),
    "notice_ms": ("ms until a watcher hears of it", ".2f", True),
    "answer_us": ("agent CPU us/query", ",.0f", True),
    "kb_per_service": ("KB per service", ".2f", True),
    "us_per_service": ("CPU us per service", ",.0f", True),
    "kb_per_check": ("KB per check", ".2f", True),
    "us_per_check": ("CPU us per check", ",.0f", True),
    "kb_per_waiter": ("KB per waiting query", ".2f", True),
    "us_per_waiter": ("CPU us per waiting query", ",.0f", True),
    "kb_per_intention": ("KB per intention", ".2f", True),
    "us_per_intention": ("CPU us per intention", ",.0f", True),
    "wake_first_ms": ("ms until the first waiter hears", ",.1f", True),
    "wake_ms": ("ms until the last waiter hears", ",.0f", True),
    "wake_us": ("CPU us per waiter woken", ",.1f", True),
    "authorize_few_us": ("CPU us/authorize, 10 intentions", ",.1f", True),
    "authorize_many_us": ("CPU us/authorize, all intentions", ",.1f", True),
    "authorize_few_per_s": ("authorize/s, 10 intentions", ",.0f", False),
    "authorize_many_per_s": ("authorize/s, all intentions", ",.0f", False),
}

#: Which figures a measure shows, the first of them being the one that ratios and charts are made of.
SHOWN = {
    "bulk": ("cpu_s_per_gb", "cpu_user_s_per_gb", "cpu_system_s_per_gb", "cpu_path_s_per_gb", "gbit_per_s", "jain",
             "cpu_agent_s_per_gb"),
    "request": ("cpu_us_per_request", "cpu_user_us_per_request", "cpu_system_us_per_request", "cpu_path_us_per_request",
                "requests_per_s", "p50_us", "p99_us", "cpu_agent_us_per_request"),
    "connect": ("cpu_us_per_request", "cpu_user_us_per_request", "cpu_system_us_per_request", "cpu_path_us_per_request",
                "requests_per_s", "p50_us", "p99_us", "cpu_agent_us_per_request"),
    "latency": ("p99_us", "p50_us", "p90_us", "p99_9_us", "max_us", "rate", "lag_p99_us"),
    "idle": ("kb_per_tunnel", "kb_per_tunnel_per_hop", "rss_mb", "rss_after_mb", "rss_kept", "agent_rss_mb"),
    "syscalls": ("syscalls_per_request", "syscalls_per_connection", "syscalls_per_mb"),
    "mix": ("mice_p99_us", "mice_p50_us", "requests_per_s", "gbit_per_s"),
    "slow": ("growth_mb", "gbit_per_s"),
    "converge": ("converge_ms", "failed"),
    "resilience": ("failed", "held", "late", "converge_ms", "back_ms"),
    "shaped": ("off_percent", "jain", "cpu_s_per_gb", "cpu_unlimited_s_per_gb", "gbit_per_s", "cpu_us_per_request",
               "cpu_unlimited_us_per_request", "requests_per_s"),
    "intentions": ("cpu_us_per_request", "cpu_agent_us_per_request", "p99_us"),
    "services": ("register_us", "notice_ms", "answer_us", "agent_rss_mb"),
    "agent": ("wake_ms", "wake_us", "wake_first_ms", "kb_per_waiter", "us_per_waiter", "kb_per_service", "us_per_service",
              "kb_per_check", "us_per_check", "kb_per_intention", "us_per_intention", "authorize_few_us", "authorize_many_us",
              "authorize_few_per_s", "authorize_many_per_s", "rss_mb", "agent_rss_mb"),
}
