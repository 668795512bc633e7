-- 0001: the first tables.
-- Primary keys only: an explicit index is corrupted by kill -9 and reopen on DuckDB 1.5. No foreign keys, sequences or triggers.
-- Times are UTC. JSON is canonical text (keys sorted, no spaces). Costs are US dollars. NULL means unknown or not applicable, never zero.

-- One row a finished calibration quiz.
CREATE TABLE calibrations (
    calibration_id    VARCHAR NOT NULL PRIMARY KEY, -- UUID made by the client
    created_at        TIMESTAMP NOT NULL,           -- when the quiz was finished
    user              VARCHAR NOT NULL,             -- who answered
    quiz_version      VARCHAR NOT NULL,             -- which questions and weights
    answers           VARCHAR NOT NULL,             -- JSON object: question -> answer
    precision_score   DOUBLE NOT NULL,              -- 0 to 100: wish for stable, complete, on-task answers
    personality_score DOUBLE NOT NULL,              -- 0 to 100: wish for original, varied, warm answers
    confidence        DOUBLE NOT NULL,              -- 0 to 1: how consistent the answers were
    ranges            VARCHAR NOT NULL,             -- JSON object: parameter -> [low, high]
    points            VARCHAR NOT NULL,             -- JSON object: parameter -> suggested values to sweep
    persona           VARCHAR NOT NULL,             -- system prompt fragment
    explanation       VARCHAR NOT NULL,             -- JSON array: which answer moved which range
    correlation_id    VARCHAR NOT NULL,             -- W3C trace id of the operation that made the row
    origin            VARCHAR                       -- JSON object: package it was imported from; NULL when made here
);

-- One row an experiment: its frozen plan and how far it came. A higher revision replaces a lower one.
CREATE TABLE experiments (
    experiment_id  VARCHAR NOT NULL PRIMARY KEY, -- UUID made by the client
    revision       BIGINT NOT NULL,              -- counts the changes of status, from 0
    created_at     TIMESTAMP NOT NULL,           -- when it was planned
    updated_at     TIMESTAMP NOT NULL,           -- when its status last changed
    user           VARCHAR NOT NULL,             -- who ran it
    calibration_id VARCHAR,                      -- calibrations.calibration_id; NULL when uncalibrated
    model          VARCHAR NOT NULL,             -- model asked for
    provider       VARCHAR NOT NULL,             -- who serves it
    plan           VARCHAR NOT NULL,             -- JSON object: prompts, settings, replicates, seed, limits
    planned        BIGINT NOT NULL,              -- number of replicates planned
    status         VARCHAR NOT NULL,             -- running, then completed, partial, interrupted, paused or failed
    reason         VARCHAR,                      -- why it is not completed, in words
    notebook       VARCHAR,                      -- notebook it was run from
    software       VARCHAR NOT NULL,             -- JSON object: package -> version
    correlation_id VARCHAR NOT NULL,             -- W3C trace id of the run
    origin         VARCHAR                       -- JSON object: package it was imported from; NULL when run here
);

-- One row a replicate, good or bad. Status ok is final; any other may be replaced by a later revision.
CREATE TABLE responses (
    response_id        VARCHAR NOT NULL PRIMARY KEY, -- derived from the experiment and the replicate's place in the plan
    revision           BIGINT NOT NULL,              -- counts the tries to obtain it, from 0
    experiment_id      VARCHAR NOT NULL,             -- experiments.experiment_id
    created_at         TIMESTAMP NOT NULL,           -- when the outcome was known
    prompt_index       BIGINT NOT NULL,              -- place of the prompt in the plan, from 0
    prompt             VARCHAR NOT NULL,             -- the prompt as sent
    setting_index      BIGINT NOT NULL,              -- place of the setting in the plan, from 0
    temperature        DOUBLE,                       -- as planned, 0 to 2; NULL: not sent
    top_p              DOUBLE,                       -- as planned, above 0 to 1; NULL: not sent
    max_tokens         BIGINT,                       -- as planned, tokens; NULL: not sent
    frequency_penalty  DOUBLE,                       -- as planned, -2 to 2; NULL: not sent
    presence_penalty   DOUBLE,                       -- as planned, -2 to 2; NULL: not sent
    seed               BIGINT,                       -- seed of this replicate; NULL: not sent
    replicate          BIGINT NOT NULL,              -- number of the replicate, from 0
    status             VARCHAR NOT NULL,             -- ok, truncated, empty, refused, filtered, tool_call, rejected, failed, timeout or cancelled
    text               VARCHAR NOT NULL,             -- the answer, as received
    error              VARCHAR,                      -- in plain words, why the status is not ok
    finish_reason      VARCHAR,                      -- as the server said
    model              VARCHAR,                      -- the model that the server says answered
    system_fingerprint VARCHAR,                      -- as the server said
    input_tokens       BIGINT,                       -- tokens of the prompt
    output_tokens      BIGINT,                       -- tokens of the answer
    cost               DOUBLE,                       -- US dollars
    latency_ms         DOUBLE,                       -- milliseconds of the whole call
    first_token_ms     DOUBLE,                       -- milliseconds to the first token, when streamed
    creativity         DOUBLE,                       -- 0 to 1
    coherence          DOUBLE,                       -- 0 to 1
    structure          DOUBLE,                       -- 0 to 1
    completeness       DOUBLE,                       -- 0 to 1
    metrics            VARCHAR NOT NULL,             -- JSON object: user's metric -> value
    detail             VARCHAR NOT NULL,             -- JSON object: sub-scores that explain the metrics
    metrics_version    VARCHAR NOT NULL,             -- version of the metrics' code
    requested          VARCHAR NOT NULL,             -- JSON object: parameters the user asked for
    sent               VARCHAR NOT NULL,             -- JSON object: parameters that went out
    rejected           VARCHAR NOT NULL,             -- JSON object: parameters the server refused
    applied            VARCHAR,                      -- JSON object: parameters the server confirmed; NULL: it did not say
    usage              VARCHAR,                      -- JSON object: usage as received
    attempts           BIGINT NOT NULL,              -- number of HTTP requests
    request_key        VARCHAR NOT NULL,             -- identity of the call: sha256 of its canonical JSON
    correlation_id     VARCHAR NOT NULL,             -- W3C trace id of the run
    span_id            VARCHAR NOT NULL              -- span of the call
);

-- One row an HTTP request of a call.
CREATE TABLE call_attempts (
    attempt_id     VARCHAR NOT NULL PRIMARY KEY, -- UUID made by the client
    response_id    VARCHAR NOT NULL,             -- responses.response_id
    experiment_id  VARCHAR NOT NULL,             -- experiments.experiment_id
    attempt        BIGINT NOT NULL,              -- number of the request within its call
    started_at     TIMESTAMP NOT NULL,           -- when it was sent
    latency_ms     DOUBLE NOT NULL,              -- milliseconds until it was over
    http_status    BIGINT,                       -- NULL when no response arrived
    headers        VARCHAR NOT NULL,             -- JSON object: response headers known to carry no secret
    decision       VARCHAR NOT NULL,             -- accept, retry, pause or stop
    wait_s         DOUBLE,                       -- seconds waited before the next request
    error_code     VARCHAR,                      -- code of the error, when there was one
    error          VARCHAR,                      -- the error in plain words
    raw            VARCHAR,                      -- body as received, capped
    raw_size       BIGINT,                       -- bytes of the whole body
    raw_sha256     VARCHAR,                      -- hash of the whole body
    correlation_id VARCHAR NOT NULL,             -- W3C trace id of the run
    span_id        VARCHAR NOT NULL,             -- span of the request
    parent_span_id VARCHAR                       -- span of the call
);

-- Running figures of each (user, calibration), kept by the drain: mergeable mean and sum of squared deviations over ok responses.
CREATE TABLE analytics_summaries (
    user           VARCHAR NOT NULL,   -- experiments.user
    calibration_id VARCHAR NOT NULL,   -- calibrations.calibration_id or 'uncalibrated'
    measure        VARCHAR NOT NULL,   -- a metric, cost, a token count, latency_ms; 'responses.<status>' and 'experiments' only count
    n              BIGINT NOT NULL,    -- number of values
    mean           DOUBLE,             -- their mean; NULL for counts
    m2             DOUBLE,             -- sum of squared deviations from the mean; NULL for counts
    updated_at     TIMESTAMP NOT NULL, -- time of the latest row that counts here
    PRIMARY KEY (user, calibration_id, measure)
);

-- One row an export job. A higher revision replaces a lower one.
CREATE TABLE experiment_exports (
    export_id      VARCHAR NOT NULL PRIMARY KEY, -- UUID made by the client
    revision       BIGINT NOT NULL,              -- counts the changes of status, from 0
    created_at     TIMESTAMP NOT NULL,           -- when it was asked for
    completed_at   TIMESTAMP,                    -- when the file was complete
    user           VARCHAR NOT NULL,             -- who asked
    what           VARCHAR NOT NULL,             -- experiments, audit or timing
    format         VARCHAR NOT NULL,             -- csv, json, parquet or package
    experiment_ids VARCHAR NOT NULL,             -- JSON array of experiments.experiment_id
    path           VARCHAR NOT NULL,             -- where the file was written
    sha256         VARCHAR,                      -- hash of the file
    size           BIGINT,                       -- bytes of the file
    rows           BIGINT,                       -- data rows in the file
    status         VARCHAR NOT NULL,             -- running, then completed, failed or interrupted
    error          VARCHAR,                      -- why it failed, in words
    head_seq       BIGINT,                       -- audit_logs.seq of the chain's head when it was written
    head_hash      VARCHAR,                      -- audit_logs.hash of that row
    correlation_id VARCHAR NOT NULL              -- W3C trace id of the export
);

-- One row an audit event, in a hash chain. The drain gives the sequence number and the hashes.
CREATE TABLE audit_logs (
    seq            BIGINT NOT NULL,              -- place in the chain, from 1 without gaps
    event_id       VARCHAR NOT NULL PRIMARY KEY, -- UUID made by the client, or derived by the drain
    occurred_at    TIMESTAMP NOT NULL,           -- by the clock of the process it happened in
    event          VARCHAR NOT NULL,             -- a word of the catalogue
    actor          VARCHAR NOT NULL,             -- who caused it
    entity         VARCHAR,                      -- kind of the record it is about
    entity_id      VARCHAR,                      -- id of that record
    correlation_id VARCHAR,                      -- W3C trace id
    span_id        VARCHAR,                      -- span it happened in
    parent_span_id VARCHAR,                      -- parent of that span
    payload        VARCHAR NOT NULL,             -- JSON object by the event's schema
    prev_hash      VARCHAR NOT NULL,             -- hash of the row before; 64 zeros in the first
    hash           VARCHAR NOT NULL              -- sha256(prev_hash || sha256(canonical text of all columns before))
);

-- One row a timing: an operation, a call.
CREATE TABLE system_metrics (
    metric_id      VARCHAR NOT NULL PRIMARY KEY, -- UUID made by the client
    recorded_at    TIMESTAMP NOT NULL,           -- when it ended
    kind           VARCHAR NOT NULL,             -- operation or call
    name           VARCHAR NOT NULL,             -- which one
    status         VARCHAR NOT NULL,             -- ok, error or interrupted; of a call, its response's status
    duration_ns    BIGINT NOT NULL,              -- nanoseconds by a monotonic clock
    correlation_id VARCHAR,                      -- W3C trace id
    span_id        VARCHAR,                      -- its span
    parent_span_id VARCHAR,                      -- span that caused it
    detail         VARCHAR NOT NULL              -- JSON object
);

-- One row a cell execution.
CREATE TABLE cell_executions (
    execution_id    VARCHAR NOT NULL PRIMARY KEY, -- UUID made by the client
    started_at      TIMESTAMP NOT NULL,           -- when the cell began
    user            VARCHAR NOT NULL,             -- who ran it
    session_id      VARCHAR NOT NULL,             -- the kernel's session
    notebook        VARCHAR,                      -- name of the notebook, when known
    cell_id         VARCHAR,                      -- id of the cell, when the front end sent one
    execution_count BIGINT,                       -- number shown beside the cell
    source_sha256   VARCHAR NOT NULL,             -- hash of the source
    source          VARCHAR,                      -- the source, when the user chose to keep it
    status          VARCHAR NOT NULL,             -- ok, error, interrupted or syntax error
    error_type      VARCHAR,                      -- class of the exception
    duration_ns     BIGINT NOT NULL,              -- nanoseconds by a monotonic clock
    operations      BIGINT NOT NULL,              -- number of pplab operations it caused
    correlation_id  VARCHAR NOT NULL,             -- W3C trace id of the execution
    span_id         VARCHAR NOT NULL              -- its span
);

-- How far each journal file was drained; written in the transaction that inserted its rows.
CREATE TABLE journal_files (
    file       VARCHAR NOT NULL PRIMARY KEY, -- name in the journal folder
    bytes_read BIGINT NOT NULL,              -- bytes drained so far
    sealed     BOOLEAN NOT NULL              -- the writer is gone and the whole file was drained
);

-- What the drains put into each table: to notice rows that were changed, added or removed by another hand.
CREATE TABLE drained (
    table_name VARCHAR NOT NULL PRIMARY KEY, -- a table of rows
    row_count  BIGINT NOT NULL,              -- rows inserted so far
    digest     VARCHAR,                      -- exclusive or of the MD5 of all rows, in hex; NULL for audit_logs, which has the chain
    head_hash  VARCHAR                       -- audit_logs only: hash of the last row, whose seq is the row_count
);

-- Which migrations were applied.
CREATE TABLE schema_version (
    version    BIGINT NOT NULL PRIMARY KEY, -- number of the migration
    sha256     VARCHAR NOT NULL,            -- hash of its text
    applied_at TIMESTAMP NOT NULL           -- when it was applied
);
