-- cxgov PROVISIONAL: for the tests
-- cxgov {"v": 1, "metrics": {"npz": "clo1:0"}, "query": {"metrics": ["npz"]}}
select 1
-- cxgov end sql1:0
