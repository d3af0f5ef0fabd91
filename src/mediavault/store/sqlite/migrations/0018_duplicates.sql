-- Posts with the same video are duplicates. The marks that name them, and the filters of saved searches and RSS feeds, said twin.

UPDATE marks SET name = 'duplicate' || substr(name, 5) WHERE name = 'twin' OR name LIKE 'twin/%';

UPDATE records SET value = replace(value, 'mine=twins', 'mine=duplicates')
 WHERE kind IN ('saved_search', 'rss_feed') AND value LIKE '%mine=twins%';
