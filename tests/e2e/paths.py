"""The pages that every test of pages in a browser opens; a new page is one line here."""

PATHS = (
    "/",
    "/en?q=Netzentgelte N-ERGIE 2025 MS",
    "/operators",
    "/en/operators?level=MS&with=HLZF&year=2025",
    "/de/operators?offset=50&sort=CITY",
    "/en/compare?with=n-ergie-netz&with=netze-bw&with=bayernwerk-netz&with=none",
    "/compare?with=n-ergie-netz&add=stadtwerke",
    "/compare?kwh=none",
    "/ranking?profile=INDUSTRY",
    "/my-operator?postalCode=80331",
    "/operators/n-ergie-netz",
    "/en/operators/n-ergie-net",
    "/operators/stadtwerke-malchow?level=NS&profile=HOUSEHOLD&inhabitants=6500",
    "/en/coverage?family=HLZF",
    "/changes",
)
# Those that people are sent to by search engines.
MAIN_PAGES = (
    "/",
    "/operators",
    "/operators/n-ergie-netz",
    "/en/compare?with=n-ergie-netz&with=netze-bw",
    "/coverage",
)
