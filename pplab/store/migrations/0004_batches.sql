-- 0004: batches: files of requests that a provider works through in its own time.

-- One row a batch file. A higher revision replaces a lower one; the first is written before anything is sent.
CREATE TABLE batches (
    batch_id          VARCHAR NOT NULL PRIMARY KEY, -- made by the client; the provider keeps it as metadata pplab_batch
    revision          BIGINT NOT NULL,              -- counts the changes, from 0
    created_at        TIMESTAMP NOT NULL,           -- when the file was made, before it was sent
    experiment_id     VARCHAR NOT NULL,             -- experiments.experiment_id
    model             VARCHAR NOT NULL,             -- the one model that its requests ask
    endpoint          VARCHAR,                      -- the endpoint's name in the configuration; NULL: the lab's own server
    provider          VARCHAR NOT NULL,             -- the host that is asked
    calls             VARCHAR NOT NULL,             -- JSON: its calls, as runs of [setting_index, first place, how many]
    requests          BIGINT NOT NULL,              -- how many there are
    sha256            VARCHAR NOT NULL,             -- of the file
    size              BIGINT NOT NULL,              -- bytes of the file
    status            VARCHAR NOT NULL,             -- intended, written, not_submitted, lost, or the provider's own word
    file_id           VARCHAR,                      -- the file's id at the provider; NULL: not known
    provider_batch_id VARCHAR,                      -- the batch's id at the provider; NULL: not known
    submitted_at      TIMESTAMP,                    -- when the provider took it; NULL: not known to have done so
    ends_at           TIMESTAMP,                    -- when the provider gives up what is not done by then
    done              BIGINT NOT NULL,              -- requests with an answer
    failed            BIGINT NOT NULL,              -- requests with an error
    error             VARCHAR,                      -- why it failed as a whole, in words
    correlation_id    VARCHAR NOT NULL              -- W3C trace id of the operation in which it was made
);
