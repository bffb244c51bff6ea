/* cxgov {"metrics": {"answer_time": "clo1:0"}} */
select 1
