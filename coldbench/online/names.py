"""The names of the designs of a test, each with what it is."""

GLOBAL, AB, DIVERTED, CODIVERTED = "global", "ab", "diverted", "codiverted"
DESIGNS = {
    GLOBAL: "everyone on one arm, then everyone on the other, in the same world: the true effect",
    AB: "users split; one log and one ranker for both arms, as on a platform",
    DIVERTED: "users split; each arm's models learn from its own users",
    CODIVERTED: "users and new items split alike; each arm's models learn from its own users",
}
