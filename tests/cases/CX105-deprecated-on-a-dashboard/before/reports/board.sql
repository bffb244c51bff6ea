-- cxgov PROVISIONAL: for the tests
-- cxgov {"v": 1, "metrics": {"nps": "clo1:0", "csat": "clo1:0"}, "query": {"metrics": ["nps", "csat"]}}
select 1
-- cxgov end sql1:0
