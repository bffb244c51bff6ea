-- cxgov {"metrics": {"nps": 1}, "metrics": {}}
select 1
