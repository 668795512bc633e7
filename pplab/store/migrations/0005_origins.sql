-- 0005: origins: the labs that records were pulled from.

-- One row a lab that records were pulled from.
CREATE TABLE origins (
    origin VARCHAR NOT NULL PRIMARY KEY, -- id of the lab, made once by itself
    name   VARCHAR NOT NULL              -- what it is called, as its latest segment says: user@folder
);

-- One row an experiment or a rating that was pulled, and whose it is: no other lab may revise it.
CREATE TABLE pulled_records (
    id     VARCHAR NOT NULL PRIMARY KEY, -- experiments.experiment_id or ratings.rating_id
    origin VARCHAR NOT NULL              -- origins.origin
);
