-- 0002: everything that a request carries can be a factor; scores and labels as records of their own.
-- A new column is NULL in older rows, which keep their digests.

ALTER TABLE experiments ADD COLUMN models VARCHAR; -- JSON array: the models asked, MODEL@ENDPOINT; NULL: the one in `model`

ALTER TABLE responses ADD COLUMN model_asked VARCHAR;        -- model asked for, as its server knows it
ALTER TABLE responses ADD COLUMN endpoint VARCHAR;           -- name of its endpoint; NULL: the lab's own server
ALTER TABLE responses ADD COLUMN system VARCHAR;             -- name of the system message; NULL: it has none
ALTER TABLE responses ADD COLUMN wording VARCHAR;            -- name of the wording; NULL: it has none
ALTER TABLE responses ADD COLUMN parameters VARCHAR;         -- JSON object: what the setting asks for
ALTER TABLE responses ADD COLUMN top_k BIGINT;               -- as planned; NULL: not sent
ALTER TABLE responses ADD COLUMN min_p DOUBLE;               -- as planned; NULL: not sent
ALTER TABLE responses ADD COLUMN typical_p DOUBLE;           -- as planned; NULL: not sent
ALTER TABLE responses ADD COLUMN repetition_penalty DOUBLE;  -- as planned; NULL: not sent
ALTER TABLE responses ADD COLUMN reasoning_effort VARCHAR;   -- as planned; NULL: not sent
ALTER TABLE responses ADD COLUMN verbosity VARCHAR;          -- as planned; NULL: not sent
ALTER TABLE responses ADD COLUMN thinking_budget BIGINT;     -- as planned; NULL: not sent
ALTER TABLE responses ADD COLUMN fault VARCHAR;              -- loop, cut, refusal or echo; NULL: none was seen

-- What an experiment is called. A higher revision replaces a lower one.
CREATE TABLE experiment_labels (
    experiment_id  VARCHAR NOT NULL PRIMARY KEY, -- experiments.experiment_id
    revision       BIGINT NOT NULL,              -- counts the changes, from 0
    updated_at     TIMESTAMP NOT NULL,           -- when it was last changed
    user           VARCHAR NOT NULL,             -- who changed it
    name           VARCHAR,                      -- NULL: it has none
    tags           VARCHAR NOT NULL,             -- JSON array of texts
    note           VARCHAR,                      -- NULL: there is none
    correlation_id VARCHAR NOT NULL              -- W3C trace id of the change
);

-- One row a score of one answer, besides the four in `responses`.
CREATE TABLE scores (
    score_id       VARCHAR NOT NULL PRIMARY KEY, -- derived from what was scored, by which version of what
    response_id    VARCHAR NOT NULL,             -- responses.response_id
    response_revision BIGINT NOT NULL,           -- responses.revision: which row of the response it is about
    experiment_id  VARCHAR NOT NULL,             -- experiments.experiment_id
    created_at     TIMESTAMP NOT NULL,           -- when it was given
    metric         VARCHAR NOT NULL,             -- which quality it is about
    source         VARCHAR NOT NULL,             -- surface, check, reader, judge or person
    value          DOUBLE,                       -- NULL: not applicable, or it failed; `explanation` says why
    explanation    VARCHAR,                      -- why, in words
    version        VARCHAR NOT NULL,             -- version of what scored it
    rater          VARCHAR,                      -- model or person that judged; NULL: code
    cost           DOUBLE,                       -- US dollars; NULL: unknown or free
    correlation_id VARCHAR NOT NULL              -- W3C trace id of the operation that scored it
);
