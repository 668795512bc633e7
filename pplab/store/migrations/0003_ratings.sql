-- 0003: what people say of answers.

-- One row a rating of one answer, or of two side by side. A higher revision replaces a lower one.
CREATE TABLE ratings (
    rating_id         VARCHAR NOT NULL PRIMARY KEY, -- made by the client
    revision          BIGINT NOT NULL,              -- counts the changes, from 0
    created_at        TIMESTAMP NOT NULL,           -- when it was given
    experiment_id     VARCHAR NOT NULL,             -- experiments.experiment_id
    rater             VARCHAR NOT NULL,             -- who rated
    position          BIGINT NOT NULL,              -- place among the items that the rater was shown, from 0
    response_id       VARCHAR NOT NULL,             -- responses.response_id: the answer, or the one on the left
    response_revision BIGINT NOT NULL,              -- responses.revision: which row of the response was shown
    other_id          VARCHAR,                      -- responses.response_id of the one on the right; NULL: only one was shown
    other_revision    BIGINT,                       -- responses.revision of the one on the right; NULL: only one was shown
    choice            VARCHAR NOT NULL,             -- 1 (worst) to 5 (best), left, right, equal or both_bad; undone: taken back
    note              VARCHAR,                      -- the rater's words; NULL: there are none
    correlation_id    VARCHAR NOT NULL              -- W3C trace id of the operation in which it was given
);
