"""Requests are frozen and decisions written once, whoever asks (reliability.md, decision 10)."""

from django.db import migrations

FREEZE = """
-- A decision is about one request as its maker made it: the same person, the same number, the same payload.
ALTER TABLE approvals_decision ADD CONSTRAINT decision_of_a_request_as_it_was_made
  FOREIGN KEY (request_id, requested_by_id, requester_number, payload_hash)
  REFERENCES approvals_request (id, requested_by_id, employee_number, payload_hash);

-- A request is made waiting, in the name of somebody's own employee number.
CREATE FUNCTION approvals_check_request() RETURNS trigger LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
  IF NEW.status <> 'pending' THEN
    RAISE EXCEPTION 'a request is made waiting' USING ERRCODE = 'check_violation', CONSTRAINT = 'request_is_made_waiting';
  END IF;
  IF NOT EXISTS (SELECT FROM access_user u WHERE u.id = NEW.requested_by_id
                    AND upper(btrim(u.employee_number)) = NEW.employee_number) THEN
    RAISE EXCEPTION 'this is not the requester''s employee number'
      USING ERRCODE = 'check_violation', CONSTRAINT = 'request_bears_its_makers_number';
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER check_request BEFORE INSERT ON approvals_request FOR EACH ROW EXECUTE FUNCTION approvals_check_request();
ALTER TABLE approvals_request ENABLE ALWAYS TRIGGER check_request;

-- Only the status changes, once, away from waiting; to approved or rejected only by a decision that says so.
CREATE FUNCTION approvals_freeze_request() RETURNS trigger LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
DECLARE same approvals_request := NEW;
BEGIN
  same.status := OLD.status;
  same.settled_at := OLD.settled_at;
  IF same IS DISTINCT FROM OLD OR OLD.status <> 'pending' THEN
    RAISE EXCEPTION 'a request is frozen' USING ERRCODE = 'check_violation', CONSTRAINT = 'request_is_frozen';
  END IF;
  IF NEW.status IN ('approved', 'rejected') AND NOT EXISTS (
       SELECT FROM approvals_decision d WHERE d.request_id = NEW.id AND d.outcome = NEW.status) THEN
    RAISE EXCEPTION 'no decision says so' USING ERRCODE = 'check_violation', CONSTRAINT = 'request_settled_by_its_decision';
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER freeze_request BEFORE UPDATE ON approvals_request FOR EACH ROW EXECUTE FUNCTION approvals_freeze_request();
ALTER TABLE approvals_request ENABLE ALWAYS TRIGGER freeze_request;

-- A decision is made on a request that waits, before it expires, in the name of the decider's own employee number.
CREATE FUNCTION approvals_check_decision() RETURNS trigger LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
  IF NOT EXISTS (SELECT FROM approvals_request r WHERE r.id = NEW.request_id AND r.status = 'pending'
                    AND r.expires_at > NEW.decided_at) THEN
    RAISE EXCEPTION 'this request does not wait' USING ERRCODE = 'check_violation', CONSTRAINT = 'decision_on_a_waiting_request';
  END IF;
  IF NOT EXISTS (SELECT FROM access_user u WHERE u.id = NEW.decided_by_id
                    AND upper(btrim(u.employee_number)) = NEW.employee_number) THEN
    RAISE EXCEPTION 'this is not the decider''s employee number'
      USING ERRCODE = 'check_violation', CONSTRAINT = 'decision_bears_its_makers_number';
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER check_decision BEFORE INSERT ON approvals_decision FOR EACH ROW EXECUTE FUNCTION approvals_check_decision();
ALTER TABLE approvals_decision ENABLE ALWAYS TRIGGER check_decision;

CREATE TRIGGER never_deleted BEFORE DELETE OR TRUNCATE ON approvals_request FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
ALTER TABLE approvals_request ENABLE ALWAYS TRIGGER never_deleted;
CREATE TRIGGER written_once BEFORE UPDATE OR DELETE OR TRUNCATE ON approvals_target
  FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
ALTER TABLE approvals_target ENABLE ALWAYS TRIGGER written_once;
CREATE TRIGGER written_once BEFORE UPDATE OR DELETE OR TRUNCATE ON approvals_decision
  FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
ALTER TABLE approvals_decision ENABLE ALWAYS TRIGGER written_once;

REVOKE UPDATE, DELETE, TRUNCATE ON approvals_request, approvals_target, approvals_decision FROM runtime;
GRANT UPDATE (status, settled_at) ON approvals_request TO runtime;
"""

THAW = """
REVOKE UPDATE (status, settled_at) ON approvals_request FROM runtime;
GRANT UPDATE, DELETE ON approvals_request, approvals_target, approvals_decision TO runtime;
DROP TRIGGER written_once ON approvals_decision;
DROP TRIGGER written_once ON approvals_target;
DROP TRIGGER never_deleted ON approvals_request;
DROP TRIGGER check_decision ON approvals_decision;
DROP FUNCTION approvals_check_decision();
DROP TRIGGER freeze_request ON approvals_request;
DROP FUNCTION approvals_freeze_request();
DROP TRIGGER check_request ON approvals_request;
DROP FUNCTION approvals_check_request();
ALTER TABLE approvals_decision DROP CONSTRAINT decision_of_a_request_as_it_was_made;
"""


class Migration(migrations.Migration):
    dependencies = [("approvals", "0001_initial"), ("audit", "0002_append_only")]

    operations = [migrations.RunSQL(FREEZE, THAW)]
