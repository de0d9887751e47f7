-- What proves a destruction is written once.
CREATE TRIGGER written_once BEFORE UPDATE OR DELETE OR TRUNCATE ON privacy_certificate FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
ALTER TABLE privacy_certificate ENABLE ALWAYS TRIGGER written_once;
CREATE TRIGGER written_once BEFORE UPDATE OR DELETE OR TRUNCATE ON privacy_erased FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
ALTER TABLE privacy_erased ENABLE ALWAYS TRIGGER written_once;
CREATE TRIGGER written_once BEFORE UPDATE OR DELETE OR TRUNCATE ON privacy_disclosure FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
ALTER TABLE privacy_disclosure ENABLE ALWAYS TRIGGER written_once;
REVOKE UPDATE, DELETE, TRUNCATE ON privacy_certificate, privacy_erased, privacy_disclosure FROM runtime;
REVOKE DELETE, TRUNCATE ON privacy_erasure, privacy_legalhold, privacy_destruction, privacy_retentionterm FROM runtime;
REVOKE UPDATE ON privacy_legalhold FROM runtime;
GRANT UPDATE (lifted_at) ON privacy_legalhold TO runtime;

-- Empties what is personal of closed members: the person (his key first of all), his sign-in, codes, open enrolments, account numbers,
-- free texts, kept answers, copies of his data, his places in families, who looked after him. Ledger, facts and decisions stay.
-- Takes members that are locked, once or again; gives how many rows of each were emptied.
CREATE FUNCTION privacy_erase(members bigint[], today date, moment timestamptz) RETURNS jsonb
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE counts jsonb := '{}'; n bigint; targets bytea[]; users bigint[];
BEGIN
  IF EXISTS (SELECT FROM members_member WHERE id = ANY(members) AND status <> 'closed') THEN
    RAISE EXCEPTION 'only closed members are erased' USING ERRCODE = 'check_violation', CONSTRAINT = 'only_closed_members_are_erased';
  END IF;
  SELECT array_agg(h) INTO targets FROM members_person p, unnest(ARRAY[p.phone_hash, p.email_hash]) h
   WHERE p.member_id = ANY(members) AND h IS NOT NULL;
  SELECT array_agg(u.id) INTO users FROM members_member m JOIN access_user u ON u.id = m.user_id
   WHERE m.id = ANY(members) AND NOT u.is_staff;

  DELETE FROM members_onetimecode c WHERE c.member_id = ANY(members) OR c.target_hash = ANY(targets)
     OR c.enrolment_id IN (SELECT e.id FROM members_enrolment e WHERE e.known_member_id = ANY(members));
  GET DIAGNOSTICS n = ROW_COUNT; counts := counts || jsonb_build_object('codes', n);

  UPDATE members_enrolment SET state = 'lapsed', ended_at = moment, wrapped_key = NULL, sealed = '', masked_name = '', masked_contact = ''
   WHERE known_member_id = ANY(members) AND state = 'started';
  GET DIAGNOSTICS n = ROW_COUNT; counts := counts || jsonb_build_object('enrolments', n);

  UPDATE members_person SET wrapped_key = NULL, sealed = '', masked_name = '', masked_phone = '', name_hash = NULL, surname_hash = NULL,
         phone_hash = NULL, email_hash = NULL, national_id_hash = NULL, pinyin_hash = NULL, erased_on = today
   WHERE member_id = ANY(members) AND erased_on IS NULL;
  GET DIAGNOSTICS n = ROW_COUNT; counts := counts || jsonb_build_object('persons', n);
  INSERT INTO members_person (member_id, sealed, masked_name, masked_phone, erased_on) SELECT id, '', '', '', today FROM unnest(members) id
   ORDER BY id ON CONFLICT DO NOTHING;

  UPDATE members_account SET number = 'erased/' || id WHERE member_id = ANY(members) AND number <> 'erased/' || id;
  GET DIAGNOSTICS n = ROW_COUNT; counts := counts || jsonb_build_object('account_numbers', n);

  UPDATE points_freeze SET reason = '–' WHERE member_id = ANY(members) AND reason <> '–';
  GET DIAGNOSTICS n = ROW_COUNT; counts := counts || jsonb_build_object('free_texts', n);
  UPDATE tiers_protection SET reason = '–' WHERE member_id = ANY(members) AND reason <> '–';
  GET DIAGNOSTICS n = ROW_COUNT; counts := jsonb_set(counts, '{free_texts}', to_jsonb((counts ->> 'free_texts')::bigint + n));

  DELETE FROM idempotency_keptanswer WHERE member_id = ANY(members);
  GET DIAGNOSTICS n = ROW_COUNT; counts := counts || jsonb_build_object('kept_answers', n);

  DELETE FROM privacy_exportpart WHERE export_id IN (SELECT id FROM privacy_export WHERE member_id = ANY(members));
  UPDATE privacy_export SET state = 'over', wrapped_key = NULL WHERE member_id = ANY(members) AND state <> 'over';
  GET DIAGNOSTICS n = ROW_COUNT; counts := counts || jsonb_build_object('exports', n);

  UPDATE members_familymembership f SET left_at = greatest(moment, f.invited_at) WHERE f.left_at IS NULL AND (
    f.member_id = ANY(members)
    OR f.accepted_at IS NULL AND f.number IN (SELECT upper(number) FROM members_member WHERE id = ANY(members))
    OR f.family_id IN (SELECT h.family_id FROM members_familymembership h WHERE h.member_id = ANY(members) AND h.role = 'head' AND h.left_at IS NULL));
  GET DIAGNOSTICS n = ROW_COUNT; counts := counts || jsonb_build_object('families', n);
  UPDATE members_assignment SET ends_on = greatest(starts_on, today) WHERE member_id = ANY(members) AND (ends_on IS NULL OR ends_on > today);
  GET DIAGNOSTICS n = ROW_COUNT; counts := counts || jsonb_build_object('assignments', n);

  -- Who works here keeps his account; it is no longer a member's.
  UPDATE access_user SET username = 'erased-' || id, full_name = '', email = '', password = '!', is_active = false WHERE id = ANY(users);
  GET DIAGNOSTICS n = ROW_COUNT; counts := counts || jsonb_build_object('users', n);
  UPDATE members_member m SET user_id = NULL FROM access_user u WHERE m.id = ANY(members) AND u.id = m.user_id AND u.is_staff;
  RETURN counts;
END $$;
REVOKE EXECUTE ON FUNCTION privacy_erase FROM PUBLIC, runtime;
GRANT EXECUTE ON FUNCTION privacy_erase TO runtime;

-- The trail refuses to be edited, as ever; of it is deleted what two people decided to destroy, by privacy_destroy alone.
CREATE FUNCTION privacy_refuse_change_of_trail() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF TG_OP <> 'DELETE' OR coalesce(current_setting('privacy.destroying', true), '') <> 'audit' THEN
    RAISE EXCEPTION '% is written once: % refused', TG_TABLE_NAME, TG_OP USING ERRCODE = 'insufficient_privilege';
  END IF;
  RETURN NULL;
END $$;
DROP TRIGGER written_once ON audit_auditevent;
CREATE TRIGGER written_once BEFORE UPDATE OR DELETE OR TRUNCATE ON audit_auditevent FOR EACH STATEMENT
  EXECUTE FUNCTION privacy_refuse_change_of_trail();
ALTER TABLE audit_auditevent ENABLE ALWAYS TRIGGER written_once;

-- Deletes, of an approved destruction, `most` rows at most that are older than its date and held by nobody; gives how many. The database
-- asks for the decision itself.
CREATE FUNCTION privacy_destroy(destruction uuid, today date, zone text, most integer) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE batch privacy_destruction; n bigint := 0; last timestamptz; held bigint[];
BEGIN
  SELECT d.* INTO batch FROM privacy_destruction d JOIN approvals_decision c ON c.request_id = d.request_id AND c.outcome = 'approved'
   WHERE d.id = destruction AND d.state = 'approved' FOR UPDATE OF d;
  IF NOT FOUND THEN
    RAISE EXCEPTION 'nobody decided on this destruction' USING ERRCODE = 'check_violation', CONSTRAINT = 'destruction_by_decision';
  END IF;
  last := batch.before::timestamp AT TIME ZONE zone;
  IF EXISTS (SELECT FROM privacy_legalhold h WHERE h.data_class = batch.data_class AND h.lifted_at IS NULL AND h.starts_on <= today
                AND (h.until IS NULL OR h.until >= today)) THEN
    RETURN 0;
  END IF;
  held := ARRAY(SELECT h.member_id FROM privacy_legalhold h WHERE h.member_id IS NOT NULL AND h.lifted_at IS NULL AND h.starts_on <= today
                   AND (h.until IS NULL OR h.until >= today));
  CASE batch.data_class
    WHEN 'messages', 'outbox' THEN
      DELETE FROM outbox_obligation WHERE id IN (
        SELECT id FROM outbox_obligation WHERE done_at < last AND (topic = 'messages.send') = (batch.data_class = 'messages')
           AND member_id <> ALL(held) ORDER BY id LIMIT most FOR UPDATE SKIP LOCKED);
    WHEN 'enrolments' THEN
      DELETE FROM members_onetimecode WHERE enrolment_id IN (
        SELECT id FROM members_enrolment WHERE state = 'lapsed' AND ended_at < last);
      DELETE FROM members_enrolment WHERE id IN (
        SELECT id FROM members_enrolment WHERE state = 'lapsed' AND ended_at < last AND (known_member_id IS NULL OR known_member_id <> ALL(held))
         ORDER BY id LIMIT most);
    WHEN 'exports' THEN
      DELETE FROM privacy_export WHERE id IN (
        SELECT id FROM privacy_export WHERE state IN ('taken', 'over') AND wrapped_key IS NULL AND asked_at < last AND member_id <> ALL(held)
         ORDER BY id LIMIT most);
    WHEN 'audit' THEN
      PERFORM set_config('privacy.destroying', 'audit', true);
      DELETE FROM audit_auditevent WHERE id IN (
        SELECT id FROM audit_auditevent WHERE at < last AND NOT (subject_kind = 'member' AND subject_id = ANY(held::text[]))
         ORDER BY at LIMIT most);
  END CASE;
  GET DIAGNOSTICS n = ROW_COUNT;
  PERFORM set_config('privacy.destroying', '', true);
  UPDATE privacy_destruction SET destroyed = destroyed + n WHERE id = destruction;
  RETURN n;
END $$;
REVOKE EXECUTE ON FUNCTION privacy_destroy FROM PUBLIC, runtime;
GRANT EXECUTE ON FUNCTION privacy_destroy TO runtime;
