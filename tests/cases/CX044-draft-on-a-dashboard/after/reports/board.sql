-- cxgov PROVISIONAL: for the tests
-- cxgov {"v": 1, "metrics": {"tone": "clo1:0"}, "query": {"metrics": ["tone"]}}
select 1
-- cxgov end sql1:0
