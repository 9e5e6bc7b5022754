"""What to do about each problem: the text of ``/problems/{code}``. A test keeps it complete."""

from typing import Final

ADVICE: Final = {
    "agent-differs": (
        "The id is in use by a live session of another agent. Stop that session first, take another id, or leave the agent out."
    ),
    "agent-not-found": "GET /v1/agents lists the agents. An agent is a table [agents.<name>] in config.toml.",
    "budget-exhausted": (
        "Conversations over the paid upstream have used the minutes of the day (UTC). Wait for the time in Retry-After, raise "
        'limits.minutes_per_day, or use an agent with upstream = "engine", which costs nothing.'
    ),
    "call-not-found": "GET …/calls lists the function calls of a session.",
    "confirmation-not-found": "GET /v1/confirmations lists what waits. Settled ones are remembered for a while only.",
    "confirmation-over": "It was given, refused, withdrawn, or its time is over. The model may ask again; that is another one.",
    "conflict": "Read the resource again and see whether the request still makes sense.",
    "draining": (
        "The daemon is about to be stopped, or POST /v1/admin/drain told it so: it starts nothing, and lets what is live end. "
        "Try again after the time in Retry-After; POST /v1/admin/undrain takes the order back."
    ),
    "engine-not-ready": (
        "The embedded engine is still loading its models, or it failed. GET /readyz tells which; `agentd doctor` says "
        "what is missing."
    ),
    "forbidden": "The token is known, but lacks the scope that the detail names. `agentd token --scope …` makes another.",
    "forbidden-host": (
        "The Host header is checked against DNS rebinding. Use the address the daemon listens on, or add the name, "
        "with its port, to [server] allowed_hosts."
    ),
    "forbidden-origin": (
        "A web page of another origin sent the request. If the page is yours, add its origin to [server] allowed_origins."
    ),
    "function-denied": (
        "The gate did not let the call through, for the reason in the detail: the agent's profile, the tier, a rate, a missing "
        "confirmation, actions that are switched off, or an audit that cannot be written. docs/actions.md lists the gate's steps."
    ),
    "function-not-found": "GET /v1/functions lists the functions, and the files that did not load with the reason.",
    "injection-refused": "Somebody was speaking. Try again when it is quiet, or use behavior queue or interrupt.",
    "internal-error": "A defect of the daemon: the log has the details under the request_id. Other sessions are not affected.",
    "invalid-audio": (
        "The file was recognised, but its audio cannot be used. The detail names what was found and what is accepted."
    ),
    "invalid-config": (
        "Each fault is named with its key and its line in the file, as `agentd check` does. After a reload, what was in effect "
        "stays in effect, whole."
    ),
    "invalid-request": "The errors list names each faulty member by its JSON pointer.",
    "invalid-settings": "The errors list names each fault of the Voice Agent settings by its JSON pointer.",
    "malformed-request": "The request could not be read at all. The detail says where reading stopped.",
    "method-not-allowed": "The Allow header lists the methods of this path.",
    "nobody-listening": "Attach a microphone or a client to the session first, or inject the answer as audio.",
    "not-acceptable": "Change the Accept header to one of the formats in the detail, or leave it out.",
    "not-found": "Check the path.",
    "nothing-heard": (
        "The recording was sent, but no speech was recognised in it. Check that it holds speech, is loud enough and "
        "is in the language of the agent."
    ),
    "own-confirmation": (
        "Approve with another token: `agentd token --scope confirm` makes one. Refusing is possible with any that has the scope."
    ),
    "payload-too-large": "Send less, or stream audio with chunked transfer encoding (curl -T -), which has no size limit.",
    "range-not-satisfiable": "Content-Range says how many bytes there are.",
    "recording-not-found": (
        "Record the next one: start the session with record: true, or set [store] record_audio. A recording also goes with "
        "?purge=true, and when it has become too old."
    ),
    "request-timeout": "The body stopped arriving. Send it again over a better connection.",
    "session-busy": "Another recording is being spoken. Wait for it, or leave out queue=false.",
    "session-ended": "Start the session again: PUT /v1/sessions/{id}.",
    "session-exists": "Use PUT to ensure that it runs, or stop it first.",
    "session-not-found": "GET /v1/sessions lists the sessions. Ended ones are kept for a while only.",
    "tls-required": (
        "The daemon speaks plain HTTP to the proxies in [server] trusted_proxies alone. Use the proxy's URL, add the proxy's "
        "address there, or let the daemon speak TLS itself: [server] tls_cert and tls_key."
    ),
    "too-many-requests": "Wait for the time in Retry-After. The limits are keys of [limits] in config.toml.",
    "too-many-sessions": "Stop a session, or raise limits.sessions, deepgram.max_sessions or engine.max_sessions.",
    "turn-not-found": "GET …/turns lists the turns that are kept.",
    "unauthorized": (
        "Send the header `Authorization: Bearer <token>`. The daemon's first token is in <state_dir>/token; with "
        "curl: -H @<state_dir>/auth."
    ),
    "unavailable": "GET /readyz says what is missing.",
    "unsupported-media-type": (
        "Send the content type that the detail names. With curl: --json for JSON, --data-binary @file for audio."
    ),
    "upstream-auth": "Check DEEPGRAM_API_KEY: the upstream does not take it.",
    "upstream-busy": "The upstream has no free place for another session. Try again after the time in Retry-After.",
    "upstream-payment": "The upstream account needs credit.",
    "upstream-refused": "The upstream refused the session. upstream_error and upstream_request_id tell more.",
    "upstream-timeout": "No answer came in time. ?timeout_s= waits longer (at most 300).",
    "upstream-unreachable": "Check the network, DNS, proxy and [deepgram] agent_url.",
}
