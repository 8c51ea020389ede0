BEGIN TRANSACTION;
CREATE TABLE alembic_version (
	version_num VARCHAR(32) NOT NULL, 
	CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num)
);
INSERT INTO "alembic_version" VALUES('0010');
CREATE TABLE attention_maps (
	id INTEGER NOT NULL, 
	output_id INTEGER NOT NULL, 
	image_sha256 VARCHAR NOT NULL, 
	map_sha256 VARCHAR NOT NULL, 
	x DOUBLE NOT NULL, 
	y DOUBLE NOT NULL, 
	said VARCHAR NOT NULL, 
	created_at DATETIME NOT NULL, 
	CONSTRAINT pk_attention_maps PRIMARY KEY (id), 
	CONSTRAINT fk_attention_maps_output_id FOREIGN KEY(output_id) REFERENCES outputs (id), 
	CONSTRAINT fk_attention_maps_map_sha256 FOREIGN KEY(map_sha256) REFERENCES blobs (sha256)
);
CREATE TABLE audit (
	id INTEGER NOT NULL, 
	actor VARCHAR NOT NULL, 
	action VARCHAR NOT NULL, 
	entity VARCHAR NOT NULL, 
	entity_id VARCHAR NOT NULL, 
	"before" JSON NOT NULL, 
	"after" JSON NOT NULL, 
	created_at DATETIME NOT NULL, 
	CONSTRAINT pk_audit PRIMARY KEY (id)
);
CREATE TABLE batches (
	id VARCHAR NOT NULL, 
	reviewer VARCHAR NOT NULL, 
	decision VARCHAR NOT NULL, 
	filter JSON NOT NULL, 
	changed INTEGER NOT NULL, 
	created_at DATETIME NOT NULL, 
	undone_at DATETIME, 
	CONSTRAINT pk_batches PRIMARY KEY (id), 
	CONSTRAINT ck_batches_decision CHECK (decision IN ('none', 'approved', 'rejected', 'flagged'))
);
CREATE TABLE blobs (
	sha256 VARCHAR NOT NULL, 
	size BIGINT NOT NULL, 
	content_type VARCHAR NOT NULL, 
	created_at DATETIME NOT NULL, marked_at DATETIME, 
	CONSTRAINT pk_blobs PRIMARY KEY (sha256)
);
INSERT INTO "blobs" VALUES('7777777777777777777777777777777777777777777777777777777777777777',100,'image/png','2026-11-28 20:49:33.635165',NULL);
INSERT INTO "blobs" VALUES('8888888888888888888888888888888888888888888888888888888888888888',100,'image/png','2026-11-28 20:49:33.635921',NULL);
INSERT INTO "blobs" VALUES('a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1',100,'image/png','2026-11-28 20:49:33.636402',NULL);
INSERT INTO "blobs" VALUES('a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2',100,'image/png','2026-11-28 20:49:33.636864',NULL);
INSERT INTO "blobs" VALUES('a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3',100,'image/png','2026-11-28 20:49:33.637320',NULL);
INSERT INTO "blobs" VALUES('aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa',100,'image/png','2026-11-28 20:49:33.637728',NULL);
INSERT INTO "blobs" VALUES('bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb',100,'image/png','2026-11-28 20:49:33.638132',NULL);
INSERT INTO "blobs" VALUES('c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1',100,'image/png','2026-11-28 20:49:33.638628',NULL);
INSERT INTO "blobs" VALUES('c2c2c2c2c2c2c2c2c2c2c2c2c2c2c2c2c2c2c2c2c2c2c2c2c2c2c2c2c2c2c2c2',100,'image/png','2026-11-28 20:49:33.639115',NULL);
INSERT INTO "blobs" VALUES('cccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccc',100,'image/png','2026-11-28 20:49:33.639504',NULL);
INSERT INTO "blobs" VALUES('d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1',100,'image/png','2026-11-28 20:49:33.639882',NULL);
INSERT INTO "blobs" VALUES('dddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddd',100,'image/png','2026-11-28 20:49:33.640262',NULL);
CREATE TABLE cells (
	id INTEGER NOT NULL, 
	digest VARCHAR NOT NULL, 
	subject_id INTEGER NOT NULL, 
	reference_id INTEGER NOT NULL, 
	mask_id INTEGER, 
	profile_id INTEGER NOT NULL, 
	prompt VARCHAR NOT NULL, 
	pose VARCHAR, 
	seed BIGINT NOT NULL, 
	settings JSON NOT NULL, 
	state VARCHAR NOT NULL, 
	owner VARCHAR, 
	lease_expires_at DATETIME, 
	attempts INTEGER NOT NULL, 
	error VARCHAR, 
	created_at DATETIME NOT NULL, 
	updated_at DATETIME NOT NULL, checkpoint_id INTEGER CONSTRAINT fk_cells_checkpoint_id REFERENCES checkpoints (id), failures INTEGER DEFAULT '0' NOT NULL, depth VARCHAR CONSTRAINT fk_cells_depth REFERENCES blobs (sha256), reference_pose VARCHAR CONSTRAINT fk_cells_reference_pose REFERENCES blobs (sha256), reference_depth VARCHAR CONSTRAINT fk_cells_reference_depth REFERENCES blobs (sha256), 
	CONSTRAINT pk_cells PRIMARY KEY (id), 
	CONSTRAINT ck_cells_owner CHECK ((state = 'generating') = (owner IS NOT NULL)), 
	CONSTRAINT ck_cells_state CHECK (state IN ('planned', 'generating', 'generated', 'failed', 'lost')), 
	CONSTRAINT ck_cells_lease CHECK ((owner IS NULL) = (lease_expires_at IS NULL)), 
	CONSTRAINT fk_cells_mask_id FOREIGN KEY(mask_id) REFERENCES masks (id), 
	CONSTRAINT fk_cells_profile_id FOREIGN KEY(profile_id) REFERENCES profiles (id), 
	CONSTRAINT fk_cells_reference_id FOREIGN KEY(reference_id) REFERENCES refs (id), 
	CONSTRAINT fk_cells_subject_id FOREIGN KEY(subject_id) REFERENCES subjects (id), 
	CONSTRAINT uq_cells_digest UNIQUE (digest)
);
INSERT INTO "cells" VALUES(1,'7fbe73ebe00358ac47f124023958fb979114acb7208389c60b44027b44ff168e',1,1,1,1,'a bear on the beach',NULL,1,'{"caption": "a photo of a bear", "checkpoint": null, "negative_prompt": "blurry, \u00e9tude", "sampling": {"steps": 20, "resolution": 64, "w_ref": 3.0, "p_r": 0.9, "w_r": 2.0, "w_c": 4.0, "dt": 10, "dt_prime": 10, "beta": 0.5}, "engine": 1}','generated',NULL,NULL,1,NULL,'2026-11-28 20:49:33.715908','2026-11-28 20:49:33.816450',NULL,0,NULL,NULL,NULL);
INSERT INTO "cells" VALUES(2,'8a9fd9086d491e4e8b7a0bbb90958f8175c19543c9931e2b971540541a228764',2,2,2,1,'a drawing of a teddy bear in the snow, 雪',NULL,4294967295,'{"caption": "une peluche \u00e0 carreaux", "checkpoint": null, "negative_prompt": "blurry, \u00e9tude", "sampling": {"steps": 20, "resolution": 64, "w_ref": 2.5, "p_r": 0.9, "w_r": 2.0, "w_c": 4.0, "dt": 10, "dt_prime": 10, "beta": 0.5}, "engine": 1}','planned',NULL,NULL,0,NULL,'2026-11-28 20:49:33.715915','2026-11-28 20:49:33.715917',NULL,0,NULL,NULL,NULL);
INSERT INTO "cells" VALUES(3,'8faf7ea2e51448e4e5c3e627eaa704b124c213689d24d8669159e198f23ff5a4',2,2,2,1,'a teddy bear on the beach',NULL,1,'{"caption": "une peluche \u00e0 carreaux", "checkpoint": null, "negative_prompt": "blurry, \u00e9tude", "sampling": {"steps": 20, "resolution": 64, "w_ref": 2.5, "p_r": 0.9, "w_r": 2.0, "w_c": 4.0, "dt": 10, "dt_prime": 10, "beta": 0.5}, "engine": 1}','planned',NULL,NULL,0,NULL,'2026-11-28 20:49:33.715918','2026-11-28 20:49:33.715920',NULL,0,NULL,NULL,NULL);
INSERT INTO "cells" VALUES(4,'aa2bf078127dd0c9156c3aab2e8a7482536dc959139724da78f2088f08b71f22',2,2,2,1,'a drawing of a teddy bear in the snow, 雪',NULL,1,'{"caption": "une peluche \u00e0 carreaux", "checkpoint": null, "negative_prompt": "blurry, \u00e9tude", "sampling": {"steps": 20, "resolution": 64, "w_ref": 2.5, "p_r": 0.9, "w_r": 2.0, "w_c": 4.0, "dt": 10, "dt_prime": 10, "beta": 0.5}, "engine": 1}','planned',NULL,NULL,0,NULL,'2026-11-28 20:49:33.715922','2026-11-28 20:49:33.715923',NULL,0,NULL,NULL,NULL);
INSERT INTO "cells" VALUES(5,'b74adef03a64e9098a1e4f16e73c9fdd1cf482b8b6322c2dd5ee3a0eee2125d4',2,2,2,1,'a teddy bear on the beach',NULL,4294967295,'{"caption": "une peluche \u00e0 carreaux", "checkpoint": null, "negative_prompt": "blurry, \u00e9tude", "sampling": {"steps": 20, "resolution": 64, "w_ref": 2.5, "p_r": 0.9, "w_r": 2.0, "w_c": 4.0, "dt": 10, "dt_prime": 10, "beta": 0.5}, "engine": 1}','planned',NULL,NULL,0,NULL,'2026-11-28 20:49:33.715924','2026-11-28 20:49:33.715926',NULL,0,NULL,NULL,NULL);
INSERT INTO "cells" VALUES(6,'bfac7270cc7cbdd13ec1e5c2968bacb8ff811c13ba95766988b2d47758fc973b',1,1,1,1,'a bear on the beach',NULL,4294967295,'{"caption": "a photo of a bear", "checkpoint": null, "negative_prompt": "blurry, \u00e9tude", "sampling": {"steps": 20, "resolution": 64, "w_ref": 3.0, "p_r": 0.9, "w_r": 2.0, "w_c": 4.0, "dt": 10, "dt_prime": 10, "beta": 0.5}, "engine": 1}','planned',NULL,NULL,0,NULL,'2026-11-28 20:49:33.715927','2026-11-28 20:49:33.715929',NULL,0,NULL,NULL,NULL);
INSERT INTO "cells" VALUES(7,'d2bce1fe90ed02b2d1b648ee6837de9ca5780932f4a6fb9792fee36b55ae7d3e',1,1,1,1,'a photo of a bear in the snow, 雪',NULL,4294967295,'{"caption": "a photo of a bear", "checkpoint": null, "negative_prompt": "blurry, \u00e9tude", "sampling": {"steps": 20, "resolution": 64, "w_ref": 3.0, "p_r": 0.9, "w_r": 2.0, "w_c": 4.0, "dt": 10, "dt_prime": 10, "beta": 0.5}, "engine": 1}','planned',NULL,NULL,0,NULL,'2026-11-28 20:49:33.715930','2026-11-28 20:49:33.715932',NULL,0,NULL,NULL,NULL);
INSERT INTO "cells" VALUES(8,'d948607d6cc9812aba09600a0bd00e5ffb8d374cad0a8ac3930fcbd996c35485',1,1,1,1,'a photo of a bear in the snow, 雪',NULL,1,'{"caption": "a photo of a bear", "checkpoint": null, "negative_prompt": "blurry, \u00e9tude", "sampling": {"steps": 20, "resolution": 64, "w_ref": 3.0, "p_r": 0.9, "w_r": 2.0, "w_c": 4.0, "dt": 10, "dt_prime": 10, "beta": 0.5}, "engine": 1}','planned',NULL,NULL,0,NULL,'2026-11-28 20:49:33.715933','2026-11-28 20:49:33.715935',NULL,0,NULL,NULL,NULL);
INSERT INTO "cells" VALUES(9,'07bcda0a857229fce4f7bad25a13b7cb8ec51634337b75ae987d5aa6854a1453',1,1,1,1,'a photo of a bear in the snow, 雪',NULL,3,'{"caption": "a photo of a bear", "checkpoint": null, "negative_prompt": "blurry, \u00e9tude", "sampling": {"steps": 20, "resolution": 64, "w_ref": 3.0, "p_r": 0.9, "w_r": 2.0, "w_c": 4.0, "dt": 10, "dt_prime": 10, "beta": 0.5}, "engine": 1}','planned',NULL,NULL,0,NULL,'2026-11-28 20:49:33.732540','2026-11-28 20:49:33.732544',NULL,0,NULL,NULL,NULL);
INSERT INTO "cells" VALUES(10,'09f8d557f4e3a2efdc787efc66ba14797cf131e3b4701ef18f62c27d0809f0cd',1,1,1,1,'a photo of a bear in the snow, 雪','a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1',3,'{"caption": "a photo of a bear", "checkpoint": null, "negative_prompt": "blurry, \u00e9tude", "sampling": {"steps": 20, "resolution": 64, "w_ref": 3.0, "p_r": 0.9, "w_r": 2.0, "w_c": 4.0, "dt": 10, "dt_prime": 10, "beta": 0.5}, "engine": 1, "controlnets": {"depth": "f2f2f2f2f2f2f2f2f2f2f2f2f2f2f2f2f2f2f2f2f2f2f2f2f2f2f2f2f2f2f2f2", "pose": "f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1"}}','planned',NULL,NULL,0,NULL,'2026-11-28 20:49:33.734345','2026-11-28 20:49:33.734349',NULL,0,'d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1','c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1','c2c2c2c2c2c2c2c2c2c2c2c2c2c2c2c2c2c2c2c2c2c2c2c2c2c2c2c2c2c2c2c2');
INSERT INTO "cells" VALUES(11,'22fdf6cd36173a11b789cbf5f53944f2b468ccb35593a7eeed65ebdcdeef7e5f',2,2,2,1,'a teddy bear on the beach',NULL,3,'{"caption": "une peluche \u00e0 carreaux", "checkpoint": null, "negative_prompt": "blurry, \u00e9tude", "sampling": {"steps": 20, "resolution": 64, "w_ref": 2.5, "p_r": 0.9, "w_r": 2.0, "w_c": 4.0, "dt": 10, "dt_prime": 10, "beta": 0.5}, "engine": 1}','planned',NULL,NULL,0,NULL,'2026-11-28 20:49:33.735443','2026-11-28 20:49:33.735448',NULL,0,NULL,NULL,NULL);
INSERT INTO "cells" VALUES(12,'2651ec9a3eda6b67655f4dcffa1a49e69a96f25dcab377844a6ca7cdc8d21628',1,1,1,1,'a bear on the beach','a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2',3,'{"caption": "a photo of a bear", "checkpoint": null, "negative_prompt": "blurry, \u00e9tude", "sampling": {"steps": 20, "resolution": 64, "w_ref": 3.0, "p_r": 0.9, "w_r": 2.0, "w_c": 4.0, "dt": 10, "dt_prime": 10, "beta": 0.5}, "engine": 1, "controlnets": {"pose": "f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1"}}','planned',NULL,NULL,0,NULL,'2026-11-28 20:49:33.736876','2026-11-28 20:49:33.736881',NULL,0,NULL,'c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1',NULL);
INSERT INTO "cells" VALUES(13,'44b78e772f4e08f3420d023c747fcdf02f2947722cc94cc04d0bf97957e38020',2,2,2,1,'a teddy bear on the beach','a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1',3,'{"caption": "une peluche \u00e0 carreaux", "checkpoint": null, "negative_prompt": "blurry, \u00e9tude", "sampling": {"steps": 20, "resolution": 64, "w_ref": 2.5, "p_r": 0.9, "w_r": 2.0, "w_c": 4.0, "dt": 10, "dt_prime": 10, "beta": 0.5}, "engine": 1, "controlnets": {"pose": "f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1"}}','planned',NULL,NULL,0,NULL,'2026-11-28 20:49:33.738594','2026-11-28 20:49:33.738598',NULL,0,NULL,NULL,NULL);
INSERT INTO "cells" VALUES(14,'4c13bd203b134f9cf79cca2617df1ef0a3405b713edfbdecb86a9ea765ed5852',2,2,2,1,'a drawing of a teddy bear in the snow, 雪',NULL,3,'{"caption": "une peluche \u00e0 carreaux", "checkpoint": null, "negative_prompt": "blurry, \u00e9tude", "sampling": {"steps": 20, "resolution": 64, "w_ref": 2.5, "p_r": 0.9, "w_r": 2.0, "w_c": 4.0, "dt": 10, "dt_prime": 10, "beta": 0.5}, "engine": 1, "controlnets": {"depth": "f2f2f2f2f2f2f2f2f2f2f2f2f2f2f2f2f2f2f2f2f2f2f2f2f2f2f2f2f2f2f2f2"}}','planned',NULL,NULL,0,NULL,'2026-11-28 20:49:33.740474','2026-11-28 20:49:33.740478',NULL,0,'d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1',NULL,NULL);
INSERT INTO "cells" VALUES(15,'4e024572b58e3dc8a1020e064c5cf43e3b5a24574923658a1651fd55766f5b02',2,2,2,1,'a teddy bear on the beach',NULL,3,'{"caption": "une peluche \u00e0 carreaux", "checkpoint": null, "negative_prompt": "blurry, \u00e9tude", "sampling": {"steps": 20, "resolution": 64, "w_ref": 2.5, "p_r": 0.9, "w_r": 2.0, "w_c": 4.0, "dt": 10, "dt_prime": 10, "beta": 0.5}, "engine": 1, "controlnets": {"depth": "f2f2f2f2f2f2f2f2f2f2f2f2f2f2f2f2f2f2f2f2f2f2f2f2f2f2f2f2f2f2f2f2"}}','planned',NULL,NULL,0,NULL,'2026-11-28 20:49:33.740480','2026-11-28 20:49:33.740482',NULL,0,'d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1',NULL,NULL);
INSERT INTO "cells" VALUES(16,'50782f0ee245af1da7c7dd80414f47e44e726d9fcc5e3dc50969977da9489ebc',2,2,2,1,'a drawing of a teddy bear in the snow, 雪','a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1',3,'{"caption": "une peluche \u00e0 carreaux", "checkpoint": null, "negative_prompt": "blurry, \u00e9tude", "sampling": {"steps": 20, "resolution": 64, "w_ref": 2.5, "p_r": 0.9, "w_r": 2.0, "w_c": 4.0, "dt": 10, "dt_prime": 10, "beta": 0.5}, "engine": 1, "controlnets": {"depth": "f2f2f2f2f2f2f2f2f2f2f2f2f2f2f2f2f2f2f2f2f2f2f2f2f2f2f2f2f2f2f2f2", "pose": "f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1"}}','planned',NULL,NULL,0,NULL,'2026-11-28 20:49:33.742442','2026-11-28 20:49:33.742446',NULL,0,'d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1',NULL,NULL);
INSERT INTO "cells" VALUES(17,'5282c37b0b60179a600cefa318fe5f0bb045b807bf824190e735b7b52fc13d71',1,1,1,1,'a photo of a bear in the snow, 雪','a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1',3,'{"caption": "a photo of a bear", "checkpoint": null, "negative_prompt": "blurry, \u00e9tude", "sampling": {"steps": 20, "resolution": 64, "w_ref": 3.0, "p_r": 0.9, "w_r": 2.0, "w_c": 4.0, "dt": 10, "dt_prime": 10, "beta": 0.5}, "engine": 1, "controlnets": {"pose": "f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1"}}','planned',NULL,NULL,0,NULL,'2026-11-28 20:49:33.743126','2026-11-28 20:49:33.743130',NULL,0,NULL,'c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1',NULL);
INSERT INTO "cells" VALUES(18,'58f562ca5de29a13e5996cdf9b3fd98aced80877468fb8cfe404e6d437d444c7',1,1,1,1,'a photo of a bear in the snow, 雪','a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2',3,'{"caption": "a photo of a bear", "checkpoint": null, "negative_prompt": "blurry, \u00e9tude", "sampling": {"steps": 20, "resolution": 64, "w_ref": 3.0, "p_r": 0.9, "w_r": 2.0, "w_c": 4.0, "dt": 10, "dt_prime": 10, "beta": 0.5}, "engine": 1, "controlnets": {"depth": "f2f2f2f2f2f2f2f2f2f2f2f2f2f2f2f2f2f2f2f2f2f2f2f2f2f2f2f2f2f2f2f2", "pose": "f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1"}}','planned',NULL,NULL,0,NULL,'2026-11-28 20:49:33.743514','2026-11-28 20:49:33.743516',NULL,0,'d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1','c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1','c2c2c2c2c2c2c2c2c2c2c2c2c2c2c2c2c2c2c2c2c2c2c2c2c2c2c2c2c2c2c2c2');
INSERT INTO "cells" VALUES(19,'5b1257d13f7fa71e8155684b3b9e03618a2d18196a385bf09dfc4982d828d268',2,2,2,1,'a drawing of a teddy bear in the snow, 雪','a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2',3,'{"caption": "une peluche \u00e0 carreaux", "checkpoint": null, "negative_prompt": "blurry, \u00e9tude", "sampling": {"steps": 20, "resolution": 64, "w_ref": 2.5, "p_r": 0.9, "w_r": 2.0, "w_c": 4.0, "dt": 10, "dt_prime": 10, "beta": 0.5}, "engine": 1, "controlnets": {"depth": "f2f2f2f2f2f2f2f2f2f2f2f2f2f2f2f2f2f2f2f2f2f2f2f2f2f2f2f2f2f2f2f2", "pose": "f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1"}}','planned',NULL,NULL,0,NULL,'2026-11-28 20:49:33.743872','2026-11-28 20:49:33.743875',NULL,0,'d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1',NULL,NULL);
INSERT INTO "cells" VALUES(20,'606e10940ea546f94d4948fcdea916cb63e97101ec9529d904160fed67c809ce',2,2,2,1,'a teddy bear on the beach','a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2',3,'{"caption": "une peluche \u00e0 carreaux", "checkpoint": null, "negative_prompt": "blurry, \u00e9tude", "sampling": {"steps": 20, "resolution": 64, "w_ref": 2.5, "p_r": 0.9, "w_r": 2.0, "w_c": 4.0, "dt": 10, "dt_prime": 10, "beta": 0.5}, "engine": 1, "controlnets": {"pose": "f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1"}}','planned',NULL,NULL,0,NULL,'2026-11-28 20:49:33.744209','2026-11-28 20:49:33.744212',NULL,0,NULL,NULL,NULL);
INSERT INTO "cells" VALUES(21,'83fe0e73e25be2788018c4799e02e61d14da2421158cd6ab93d9af1f3d03d7ad',1,1,1,1,'a bear on the beach','a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2',3,'{"caption": "a photo of a bear", "checkpoint": null, "negative_prompt": "blurry, \u00e9tude", "sampling": {"steps": 20, "resolution": 64, "w_ref": 3.0, "p_r": 0.9, "w_r": 2.0, "w_c": 4.0, "dt": 10, "dt_prime": 10, "beta": 0.5}, "engine": 1, "controlnets": {"depth": "f2f2f2f2f2f2f2f2f2f2f2f2f2f2f2f2f2f2f2f2f2f2f2f2f2f2f2f2f2f2f2f2", "pose": "f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1"}}','planned',NULL,NULL,0,NULL,'2026-11-28 20:49:33.744543','2026-11-28 20:49:33.744546',NULL,0,'d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1','c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1','c2c2c2c2c2c2c2c2c2c2c2c2c2c2c2c2c2c2c2c2c2c2c2c2c2c2c2c2c2c2c2c2');
INSERT INTO "cells" VALUES(22,'8bba7e506f60253577ab05cfa555fb6bb97799139f90113c43263e9d9fe4561f',2,2,2,1,'a teddy bear on the beach','a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1',3,'{"caption": "une peluche \u00e0 carreaux", "checkpoint": null, "negative_prompt": "blurry, \u00e9tude", "sampling": {"steps": 20, "resolution": 64, "w_ref": 2.5, "p_r": 0.9, "w_r": 2.0, "w_c": 4.0, "dt": 10, "dt_prime": 10, "beta": 0.5}, "engine": 1, "controlnets": {"depth": "f2f2f2f2f2f2f2f2f2f2f2f2f2f2f2f2f2f2f2f2f2f2f2f2f2f2f2f2f2f2f2f2", "pose": "f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1"}}','planned',NULL,NULL,0,NULL,'2026-11-28 20:49:33.744897','2026-11-28 20:49:33.744900',NULL,0,'d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1',NULL,NULL);
INSERT INTO "cells" VALUES(23,'8d0b5aff4f69f2b456d51062b933278e4c1f1b73a8ab76daf19a10596173efa1',1,1,1,1,'a bear on the beach',NULL,3,'{"caption": "a photo of a bear", "checkpoint": null, "negative_prompt": "blurry, \u00e9tude", "sampling": {"steps": 20, "resolution": 64, "w_ref": 3.0, "p_r": 0.9, "w_r": 2.0, "w_c": 4.0, "dt": 10, "dt_prime": 10, "beta": 0.5}, "engine": 1}','planned',NULL,NULL,0,NULL,'2026-11-28 20:49:33.745247','2026-11-28 20:49:33.745250',NULL,0,NULL,NULL,NULL);
INSERT INTO "cells" VALUES(24,'92037f3c27fdaf2cc46f7e1708b82d382ace38ab22f6e7af6d7e5bebb219eabb',1,1,1,1,'a bear on the beach','a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1',3,'{"caption": "a photo of a bear", "checkpoint": null, "negative_prompt": "blurry, \u00e9tude", "sampling": {"steps": 20, "resolution": 64, "w_ref": 3.0, "p_r": 0.9, "w_r": 2.0, "w_c": 4.0, "dt": 10, "dt_prime": 10, "beta": 0.5}, "engine": 1, "controlnets": {"depth": "f2f2f2f2f2f2f2f2f2f2f2f2f2f2f2f2f2f2f2f2f2f2f2f2f2f2f2f2f2f2f2f2", "pose": "f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1"}}','planned',NULL,NULL,0,NULL,'2026-11-28 20:49:33.745574','2026-11-28 20:49:33.745577',NULL,0,'d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1','c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1','c2c2c2c2c2c2c2c2c2c2c2c2c2c2c2c2c2c2c2c2c2c2c2c2c2c2c2c2c2c2c2c2');
INSERT INTO "cells" VALUES(25,'9abbd3c020b98adc6194a3b438ddc84952e94e6192d87d5b7b4cea4952818c82',2,2,2,1,'a drawing of a teddy bear in the snow, 雪','a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2',3,'{"caption": "une peluche \u00e0 carreaux", "checkpoint": null, "negative_prompt": "blurry, \u00e9tude", "sampling": {"steps": 20, "resolution": 64, "w_ref": 2.5, "p_r": 0.9, "w_r": 2.0, "w_c": 4.0, "dt": 10, "dt_prime": 10, "beta": 0.5}, "engine": 1, "controlnets": {"pose": "f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1"}}','planned',NULL,NULL,0,NULL,'2026-11-28 20:49:33.745905','2026-11-28 20:49:33.745908',NULL,0,NULL,NULL,NULL);
INSERT INTO "cells" VALUES(26,'a6d83f1d674bed24ffb2adc9fec0368eee106dfcf70021888a3f8a3df9ae71df',1,1,1,1,'a bear on the beach',NULL,3,'{"caption": "a photo of a bear", "checkpoint": null, "negative_prompt": "blurry, \u00e9tude", "sampling": {"steps": 20, "resolution": 64, "w_ref": 3.0, "p_r": 0.9, "w_r": 2.0, "w_c": 4.0, "dt": 10, "dt_prime": 10, "beta": 0.5}, "engine": 1, "controlnets": {"depth": "f2f2f2f2f2f2f2f2f2f2f2f2f2f2f2f2f2f2f2f2f2f2f2f2f2f2f2f2f2f2f2f2"}}','planned',NULL,NULL,0,NULL,'2026-11-28 20:49:33.747278','2026-11-28 20:49:33.747281',NULL,0,'d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1',NULL,'c2c2c2c2c2c2c2c2c2c2c2c2c2c2c2c2c2c2c2c2c2c2c2c2c2c2c2c2c2c2c2c2');
INSERT INTO "cells" VALUES(27,'ab7ce35b1059e9b062300c770141539de568aec1f336b2e9f68a585bb44fecb2',1,1,1,1,'a photo of a bear in the snow, 雪','a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2',3,'{"caption": "a photo of a bear", "checkpoint": null, "negative_prompt": "blurry, \u00e9tude", "sampling": {"steps": 20, "resolution": 64, "w_ref": 3.0, "p_r": 0.9, "w_r": 2.0, "w_c": 4.0, "dt": 10, "dt_prime": 10, "beta": 0.5}, "engine": 1, "controlnets": {"pose": "f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1"}}','planned',NULL,NULL,0,NULL,'2026-11-28 20:49:33.747860','2026-11-28 20:49:33.747863',NULL,0,NULL,'c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1',NULL);
INSERT INTO "cells" VALUES(28,'b379fc69cafcd9a02123d21d59035e8868a891153414e2fe512d13ee1064479f',2,2,2,1,'a drawing of a teddy bear in the snow, 雪','a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1',3,'{"caption": "une peluche \u00e0 carreaux", "checkpoint": null, "negative_prompt": "blurry, \u00e9tude", "sampling": {"steps": 20, "resolution": 64, "w_ref": 2.5, "p_r": 0.9, "w_r": 2.0, "w_c": 4.0, "dt": 10, "dt_prime": 10, "beta": 0.5}, "engine": 1, "controlnets": {"pose": "f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1"}}','planned',NULL,NULL,0,NULL,'2026-11-28 20:49:33.748217','2026-11-28 20:49:33.748220',NULL,0,NULL,NULL,NULL);
INSERT INTO "cells" VALUES(29,'dc25071925c2d1d013884586165be862fa6acc019db3b685fa8c3d56c5b66188',1,1,1,1,'a bear on the beach','a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1',3,'{"caption": "a photo of a bear", "checkpoint": null, "negative_prompt": "blurry, \u00e9tude", "sampling": {"steps": 20, "resolution": 64, "w_ref": 3.0, "p_r": 0.9, "w_r": 2.0, "w_c": 4.0, "dt": 10, "dt_prime": 10, "beta": 0.5}, "engine": 1, "controlnets": {"pose": "f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1"}}','planned',NULL,NULL,0,NULL,'2026-11-28 20:49:33.748550','2026-11-28 20:49:33.748553',NULL,0,NULL,'c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1',NULL);
INSERT INTO "cells" VALUES(30,'f200c34c95f47330ec51da9f16c37d9783ef4d2714d12fd14592820244ff68e5',2,2,2,1,'a teddy bear on the beach','a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2',3,'{"caption": "une peluche \u00e0 carreaux", "checkpoint": null, "negative_prompt": "blurry, \u00e9tude", "sampling": {"steps": 20, "resolution": 64, "w_ref": 2.5, "p_r": 0.9, "w_r": 2.0, "w_c": 4.0, "dt": 10, "dt_prime": 10, "beta": 0.5}, "engine": 1, "controlnets": {"depth": "f2f2f2f2f2f2f2f2f2f2f2f2f2f2f2f2f2f2f2f2f2f2f2f2f2f2f2f2f2f2f2f2", "pose": "f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1"}}','planned',NULL,NULL,0,NULL,'2026-11-28 20:49:33.748964','2026-11-28 20:49:33.748967',NULL,0,'d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1',NULL,NULL);
INSERT INTO "cells" VALUES(31,'ff1cfc823f392fb94c3b82ec4ae39e72809100a4829d79062b3b7b610fd64a2b',2,2,2,1,'a drawing of a teddy bear in the snow, 雪',NULL,3,'{"caption": "une peluche \u00e0 carreaux", "checkpoint": null, "negative_prompt": "blurry, \u00e9tude", "sampling": {"steps": 20, "resolution": 64, "w_ref": 2.5, "p_r": 0.9, "w_r": 2.0, "w_c": 4.0, "dt": 10, "dt_prime": 10, "beta": 0.5}, "engine": 1}','planned',NULL,NULL,0,NULL,'2026-11-28 20:49:33.749328','2026-11-28 20:49:33.749331',NULL,0,NULL,NULL,NULL);
INSERT INTO "cells" VALUES(32,'fff230dd1a13781d3ff4677febaa4a8a6862fbeda2915b885f85c6e7ec919e0b',1,1,1,1,'a photo of a bear in the snow, 雪',NULL,3,'{"caption": "a photo of a bear", "checkpoint": null, "negative_prompt": "blurry, \u00e9tude", "sampling": {"steps": 20, "resolution": 64, "w_ref": 3.0, "p_r": 0.9, "w_r": 2.0, "w_c": 4.0, "dt": 10, "dt_prime": 10, "beta": 0.5}, "engine": 1, "controlnets": {"depth": "f2f2f2f2f2f2f2f2f2f2f2f2f2f2f2f2f2f2f2f2f2f2f2f2f2f2f2f2f2f2f2f2"}}','planned',NULL,NULL,0,NULL,'2026-11-28 20:49:33.749650','2026-11-28 20:49:33.749653',NULL,0,'d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1',NULL,'c2c2c2c2c2c2c2c2c2c2c2c2c2c2c2c2c2c2c2c2c2c2c2c2c2c2c2c2c2c2c2c2');
INSERT INTO "cells" VALUES(33,'08aa2bc5d1ea49532014614915303107c821a4fd8b9752c9538d69259398471c',1,1,1,1,'a photo of a bear [S*] in the snow, 雪',NULL,4294967295,'{"caption": "a photo of a bear", "checkpoint": "2e05ca957cf06c5fc72cd4fcadd140a5f11e4060fceb7386a4674e3915b1eb89", "negative_prompt": "blurry, \u00e9tude", "sampling": {"steps": 20, "resolution": 64, "w_ref": 3.0, "p_r": 0.4, "w_r": 4.0, "w_c": 4.0, "dt": 10, "dt_prime": 10, "beta": 0.5}, "engine": 1}','planned',NULL,NULL,0,NULL,'2026-11-28 20:49:33.757858','2026-11-28 20:49:33.757862',NULL,0,NULL,NULL,NULL);
INSERT INTO "cells" VALUES(34,'181eadf35919fd8b91733ec2954afd70b9a86394230def1b5ea431244882a05a',2,2,2,1,'a drawing of a teddy bear [S*] in the snow, 雪',NULL,4294967295,'{"caption": "une peluche \u00e0 carreaux", "checkpoint": "ee71cfcfd8b89a906f48a878522babbd1c863d9450e96bddfa49f0ebc6a48e90", "negative_prompt": "blurry, \u00e9tude", "sampling": {"steps": 20, "resolution": 64, "w_ref": 2.5, "p_r": 0.4, "w_r": 4.0, "w_c": 4.0, "dt": 10, "dt_prime": 10, "beta": 0.5}, "engine": 1}','planned',NULL,NULL,0,NULL,'2026-11-28 20:49:33.757864','2026-11-28 20:49:33.757865',NULL,0,NULL,NULL,NULL);
INSERT INTO "cells" VALUES(35,'34d051116f6f826f12d56aa6e56b8f3515e6be2bb8bd1458f8af982666558c7e',2,2,2,1,'a teddy bear [S*] on the beach',NULL,1,'{"caption": "une peluche \u00e0 carreaux", "checkpoint": "ee71cfcfd8b89a906f48a878522babbd1c863d9450e96bddfa49f0ebc6a48e90", "negative_prompt": "blurry, \u00e9tude", "sampling": {"steps": 20, "resolution": 64, "w_ref": 2.5, "p_r": 0.4, "w_r": 4.0, "w_c": 4.0, "dt": 10, "dt_prime": 10, "beta": 0.5}, "engine": 1}','planned',NULL,NULL,0,NULL,'2026-11-28 20:49:33.757867','2026-11-28 20:49:33.757868',NULL,0,NULL,NULL,NULL);
INSERT INTO "cells" VALUES(36,'8ea07837ccd61454f3bba93eb3020be94ed421cc4a287964e1bd07709d8eb827',1,1,1,1,'a photo of a bear [S*] in the snow, 雪',NULL,1,'{"caption": "a photo of a bear", "checkpoint": "2e05ca957cf06c5fc72cd4fcadd140a5f11e4060fceb7386a4674e3915b1eb89", "negative_prompt": "blurry, \u00e9tude", "sampling": {"steps": 20, "resolution": 64, "w_ref": 3.0, "p_r": 0.4, "w_r": 4.0, "w_c": 4.0, "dt": 10, "dt_prime": 10, "beta": 0.5}, "engine": 1}','planned',NULL,NULL,0,NULL,'2026-11-28 20:49:33.757870','2026-11-28 20:49:33.757871',NULL,0,NULL,NULL,NULL);
INSERT INTO "cells" VALUES(37,'9192c8d376164cc0c84901fd1710a00a36b3f8572769d0e496186a034cf6aef5',1,1,1,1,'a bear [S*] on the beach',NULL,1,'{"caption": "a photo of a bear", "checkpoint": "2e05ca957cf06c5fc72cd4fcadd140a5f11e4060fceb7386a4674e3915b1eb89", "negative_prompt": "blurry, \u00e9tude", "sampling": {"steps": 20, "resolution": 64, "w_ref": 3.0, "p_r": 0.4, "w_r": 4.0, "w_c": 4.0, "dt": 10, "dt_prime": 10, "beta": 0.5}, "engine": 1}','planned',NULL,NULL,0,NULL,'2026-11-28 20:49:33.757873','2026-11-28 20:49:33.757874',NULL,0,NULL,NULL,NULL);
INSERT INTO "cells" VALUES(38,'9649f54fc15f9be2a3f83b573a619ee75db1297437ef94507b00bc67f7bf3374',1,1,1,1,'a bear [S*] on the beach',NULL,4294967295,'{"caption": "a photo of a bear", "checkpoint": "2e05ca957cf06c5fc72cd4fcadd140a5f11e4060fceb7386a4674e3915b1eb89", "negative_prompt": "blurry, \u00e9tude", "sampling": {"steps": 20, "resolution": 64, "w_ref": 3.0, "p_r": 0.4, "w_r": 4.0, "w_c": 4.0, "dt": 10, "dt_prime": 10, "beta": 0.5}, "engine": 1}','planned',NULL,NULL,0,NULL,'2026-11-28 20:49:33.757876','2026-11-28 20:49:33.757877',NULL,0,NULL,NULL,NULL);
INSERT INTO "cells" VALUES(39,'cfd86c564e7eeefa1ed5227032af76ca9510bb41630e3d28b6db2fb3102e2303',2,2,2,1,'a drawing of a teddy bear [S*] in the snow, 雪',NULL,1,'{"caption": "une peluche \u00e0 carreaux", "checkpoint": "ee71cfcfd8b89a906f48a878522babbd1c863d9450e96bddfa49f0ebc6a48e90", "negative_prompt": "blurry, \u00e9tude", "sampling": {"steps": 20, "resolution": 64, "w_ref": 2.5, "p_r": 0.4, "w_r": 4.0, "w_c": 4.0, "dt": 10, "dt_prime": 10, "beta": 0.5}, "engine": 1}','planned',NULL,NULL,0,NULL,'2026-11-28 20:49:33.757879','2026-11-28 20:49:33.757880',NULL,0,NULL,NULL,NULL);
INSERT INTO "cells" VALUES(40,'f507a16ead505f1bc7be344e057538790cd64afd9130daf783b632b57689c887',2,2,2,1,'a teddy bear [S*] on the beach',NULL,4294967295,'{"caption": "une peluche \u00e0 carreaux", "checkpoint": "ee71cfcfd8b89a906f48a878522babbd1c863d9450e96bddfa49f0ebc6a48e90", "negative_prompt": "blurry, \u00e9tude", "sampling": {"steps": 20, "resolution": 64, "w_ref": 2.5, "p_r": 0.4, "w_r": 4.0, "w_c": 4.0, "dt": 10, "dt_prime": 10, "beta": 0.5}, "engine": 1}','planned',NULL,NULL,0,NULL,'2026-11-28 20:49:33.757882','2026-11-28 20:49:33.757883',NULL,0,NULL,NULL,NULL);
INSERT INTO "cells" VALUES(41,'19a23bea35c2ee2ef64cdcfbc6cd6af223d546850517f0e7b8fccf2539f70dca',2,2,2,1,'a teddy bear [S*] on the beach','a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1',3,'{"caption": "une peluche \u00e0 carreaux", "checkpoint": "51657a05a548df81f18662eb6f9dc4a80d4169ddb660348ca34dc00fa8e7ab5e", "negative_prompt": "blurry, \u00e9tude", "sampling": {"steps": 20, "resolution": 64, "w_ref": 2.5, "p_r": 0.4, "w_r": 4.0, "w_c": 4.0, "dt": 10, "dt_prime": 10, "beta": 0.5}, "engine": 1, "controlnets": {"pose": "f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1"}}','planned',NULL,NULL,0,NULL,'2026-11-28 20:49:33.766090','2026-11-28 20:49:33.766094',NULL,0,NULL,NULL,NULL);
INSERT INTO "cells" VALUES(42,'b1ddb6b986aacfdb99a61282a25200a06807401bee7a9cde89bcb630dffa8b71',2,2,2,1,'a drawing of a teddy bear [S*] in the snow, 雪','a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1',3,'{"caption": "une peluche \u00e0 carreaux", "checkpoint": "51657a05a548df81f18662eb6f9dc4a80d4169ddb660348ca34dc00fa8e7ab5e", "negative_prompt": "blurry, \u00e9tude", "sampling": {"steps": 20, "resolution": 64, "w_ref": 2.5, "p_r": 0.4, "w_r": 4.0, "w_c": 4.0, "dt": 10, "dt_prime": 10, "beta": 0.5}, "engine": 1, "controlnets": {"pose": "f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1"}}','planned',NULL,NULL,0,NULL,'2026-11-28 20:49:33.766096','2026-11-28 20:49:33.766097',NULL,0,NULL,NULL,NULL);
INSERT INTO "cells" VALUES(43,'c0d7dc5105c860e0bb693ac021f1fb10984d979975a44f97bc482f03b3cfec48',1,1,1,1,'a photo of a bear [S*] in the snow, 雪','a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1',3,'{"caption": "a photo of a bear", "checkpoint": "e97b7e84258b43b7293d371bc8ae39956fb1d25052771086e3188b8b23e7f975", "negative_prompt": "blurry, \u00e9tude", "sampling": {"steps": 20, "resolution": 64, "w_ref": 3.0, "p_r": 0.4, "w_r": 4.0, "w_c": 4.0, "dt": 10, "dt_prime": 10, "beta": 0.5}, "engine": 1, "controlnets": {"pose": "f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1"}}','planned',NULL,NULL,0,NULL,'2026-11-28 20:49:33.768265','2026-11-28 20:49:33.768269',NULL,0,NULL,'c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1',NULL);
INSERT INTO "cells" VALUES(44,'f87af0b2b128e14647724ecde8fb3e95af5e4ee62dc3246c3777056dceaa1a75',1,1,1,1,'a bear [S*] on the beach','a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1',3,'{"caption": "a photo of a bear", "checkpoint": "e97b7e84258b43b7293d371bc8ae39956fb1d25052771086e3188b8b23e7f975", "negative_prompt": "blurry, \u00e9tude", "sampling": {"steps": 20, "resolution": 64, "w_ref": 3.0, "p_r": 0.4, "w_r": 4.0, "w_c": 4.0, "dt": 10, "dt_prime": 10, "beta": 0.5}, "engine": 1, "controlnets": {"pose": "f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1"}}','planned',NULL,NULL,0,NULL,'2026-11-28 20:49:33.768271','2026-11-28 20:49:33.768272',NULL,0,NULL,'c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1',NULL);
INSERT INTO "cells" VALUES(45,'05612d3d8334587b0699245abaa78ff25ca43663f6038ccb358a163aea212758',2,2,2,1,'a drawing of a teddy bear in the snow, 雪','a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2',3,'{"caption": "une peluche \u00e0 carreaux", "checkpoint": null, "negative_prompt": "blurry, \u00e9tude", "sampling": {"steps": 20, "resolution": 64, "w_ref": 2.5, "p_r": 0.9, "w_r": 2.0, "w_c": 4.0, "dt": 10, "dt_prime": 10, "beta": 0.5}, "engine": 1, "controlnets": {"pose": "f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1"}, "frames": {"first": "b379fc69cafcd9a02123d21d59035e8868a891153414e2fe512d13ee1064479f", "previous": "b379fc69cafcd9a02123d21d59035e8868a891153414e2fe512d13ee1064479f"}}','planned',NULL,NULL,0,NULL,'2026-11-28 20:49:33.776249','2026-11-28 20:49:33.776253',NULL,0,NULL,NULL,NULL);
INSERT INTO "cells" VALUES(46,'059b7c3bd501354af9cbf8010b0d37f184243013734285f8892fdee6c74c05fa',2,2,2,1,'a drawing of a teddy bear in the snow, 雪','a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3',3326820541,'{"caption": "une peluche \u00e0 carreaux", "checkpoint": null, "negative_prompt": "blurry, \u00e9tude", "sampling": {"steps": 20, "resolution": 64, "w_ref": 2.5, "p_r": 0.9, "w_r": 2.0, "w_c": 4.0, "dt": 10, "dt_prime": 10, "beta": 0.5}, "engine": 1, "controlnets": {"pose": "f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1"}}','planned',NULL,NULL,0,NULL,'2026-11-28 20:49:33.776255','2026-11-28 20:49:33.776257',NULL,0,NULL,NULL,NULL);
INSERT INTO "cells" VALUES(47,'17a59e6bfd65a9b0aa534bd7ad062157b8a403a925f8ecaf6b423bf0a9ed7ee7',1,1,1,1,'a bear on the beach','a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3',3,'{"caption": "a photo of a bear", "checkpoint": null, "negative_prompt": "blurry, \u00e9tude", "sampling": {"steps": 20, "resolution": 64, "w_ref": 3.0, "p_r": 0.9, "w_r": 2.0, "w_c": 4.0, "dt": 10, "dt_prime": 10, "beta": 0.5}, "engine": 1, "controlnets": {"pose": "f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1"}}','planned',NULL,NULL,0,NULL,'2026-11-28 20:49:33.776782','2026-11-28 20:49:33.776785',NULL,0,NULL,'c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1',NULL);
INSERT INTO "cells" VALUES(48,'19a9ebb65d5d1534e61b22a5cfd9848d284199869ad991baeaaa34df848408e5',2,2,2,1,'a drawing of a teddy bear in the snow, 雪','a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3',3,'{"caption": "une peluche \u00e0 carreaux", "checkpoint": null, "negative_prompt": "blurry, \u00e9tude", "sampling": {"steps": 20, "resolution": 64, "w_ref": 2.5, "p_r": 0.9, "w_r": 2.0, "w_c": 4.0, "dt": 10, "dt_prime": 10, "beta": 0.5}, "engine": 1, "controlnets": {"pose": "f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1"}, "frames": {"first": "b379fc69cafcd9a02123d21d59035e8868a891153414e2fe512d13ee1064479f", "previous": "05612d3d8334587b0699245abaa78ff25ca43663f6038ccb358a163aea212758"}}','planned',NULL,NULL,0,NULL,'2026-11-28 20:49:33.777216','2026-11-28 20:49:33.777220',NULL,0,NULL,NULL,NULL);
INSERT INTO "cells" VALUES(49,'2153208646a0f5733eece87bda545110907030cb5f10eabeaf3ff1713268170b',1,1,1,1,'a bear on the beach','a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2',688555545,'{"caption": "a photo of a bear", "checkpoint": null, "negative_prompt": "blurry, \u00e9tude", "sampling": {"steps": 20, "resolution": 64, "w_ref": 3.0, "p_r": 0.9, "w_r": 2.0, "w_c": 4.0, "dt": 10, "dt_prime": 10, "beta": 0.5}, "engine": 1, "controlnets": {"pose": "f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1"}}','planned',NULL,NULL,0,NULL,'2026-11-28 20:49:33.777581','2026-11-28 20:49:33.777584',NULL,0,NULL,'c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1',NULL);
INSERT INTO "cells" VALUES(50,'24bd633d51b6d9356f004fcc8be4d3b6b11c4f50fc4443000e765235e1bb1486',2,2,2,1,'a teddy bear on the beach','a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2',3,'{"caption": "une peluche \u00e0 carreaux", "checkpoint": null, "negative_prompt": "blurry, \u00e9tude", "sampling": {"steps": 20, "resolution": 64, "w_ref": 2.5, "p_r": 0.9, "w_r": 2.0, "w_c": 4.0, "dt": 10, "dt_prime": 10, "beta": 0.5}, "engine": 1, "controlnets": {"pose": "f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1"}, "frames": {"first": "44b78e772f4e08f3420d023c747fcdf02f2947722cc94cc04d0bf97957e38020", "previous": "44b78e772f4e08f3420d023c747fcdf02f2947722cc94cc04d0bf97957e38020"}}','planned',NULL,NULL,0,NULL,'2026-11-28 20:49:33.777917','2026-11-28 20:49:33.777920',NULL,0,NULL,NULL,NULL);
INSERT INTO "cells" VALUES(51,'29917d1fc1fa1ee7526c084b76610018c01b35dab22137a33446099b6075bdc3',2,2,2,1,'a teddy bear on the beach','a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3',3,'{"caption": "une peluche \u00e0 carreaux", "checkpoint": null, "negative_prompt": "blurry, \u00e9tude", "sampling": {"steps": 20, "resolution": 64, "w_ref": 2.5, "p_r": 0.9, "w_r": 2.0, "w_c": 4.0, "dt": 10, "dt_prime": 10, "beta": 0.5}, "engine": 1, "controlnets": {"pose": "f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1"}, "frames": {"first": "44b78e772f4e08f3420d023c747fcdf02f2947722cc94cc04d0bf97957e38020", "previous": "24bd633d51b6d9356f004fcc8be4d3b6b11c4f50fc4443000e765235e1bb1486"}}','planned',NULL,NULL,0,NULL,'2026-11-28 20:49:33.778621','2026-11-28 20:49:33.778624',NULL,0,NULL,NULL,NULL);
INSERT INTO "cells" VALUES(52,'31c22c43267dda4c7b04f001bdfafef7c0c09a7ce7bae94bc7d02fbbd40efecd',1,1,1,1,'a photo of a bear in the snow, 雪','a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2',688555545,'{"caption": "a photo of a bear", "checkpoint": null, "negative_prompt": "blurry, \u00e9tude", "sampling": {"steps": 20, "resolution": 64, "w_ref": 3.0, "p_r": 0.9, "w_r": 2.0, "w_c": 4.0, "dt": 10, "dt_prime": 10, "beta": 0.5}, "engine": 1, "controlnets": {"pose": "f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1"}}','planned',NULL,NULL,0,NULL,'2026-11-28 20:49:33.779049','2026-11-28 20:49:33.779052',NULL,0,NULL,'c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1',NULL);
INSERT INTO "cells" VALUES(53,'3537477fa3930474e5b865fd39d1b03d130386252e5e6991ff7e90ff754fcd82',2,2,2,1,'a teddy bear on the beach','a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3',3326820541,'{"caption": "une peluche \u00e0 carreaux", "checkpoint": null, "negative_prompt": "blurry, \u00e9tude", "sampling": {"steps": 20, "resolution": 64, "w_ref": 2.5, "p_r": 0.9, "w_r": 2.0, "w_c": 4.0, "dt": 10, "dt_prime": 10, "beta": 0.5}, "engine": 1, "controlnets": {"pose": "f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1"}}','planned',NULL,NULL,0,NULL,'2026-11-28 20:49:33.779433','2026-11-28 20:49:33.779436',NULL,0,NULL,NULL,NULL);
INSERT INTO "cells" VALUES(54,'4074eb573acae34cda9ec6efb8ef35385456dffa51d83b9fdf17d3fa7aea385e',2,2,2,1,'a drawing of a teddy bear in the snow, 雪','a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2',688555545,'{"caption": "une peluche \u00e0 carreaux", "checkpoint": null, "negative_prompt": "blurry, \u00e9tude", "sampling": {"steps": 20, "resolution": 64, "w_ref": 2.5, "p_r": 0.9, "w_r": 2.0, "w_c": 4.0, "dt": 10, "dt_prime": 10, "beta": 0.5}, "engine": 1, "controlnets": {"pose": "f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1"}}','planned',NULL,NULL,0,NULL,'2026-11-28 20:49:33.779438','2026-11-28 20:49:33.779439',NULL,0,NULL,NULL,NULL);
INSERT INTO "cells" VALUES(55,'40a1a5ff7c9f02407000d17eb85d363b44c3da58836582d24e03984e133bf65d',2,2,2,1,'a teddy bear on the beach','a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2',688555545,'{"caption": "une peluche \u00e0 carreaux", "checkpoint": null, "negative_prompt": "blurry, \u00e9tude", "sampling": {"steps": 20, "resolution": 64, "w_ref": 2.5, "p_r": 0.9, "w_r": 2.0, "w_c": 4.0, "dt": 10, "dt_prime": 10, "beta": 0.5}, "engine": 1, "controlnets": {"pose": "f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1"}}','planned',NULL,NULL,0,NULL,'2026-11-28 20:49:33.779441','2026-11-28 20:49:33.779442',NULL,0,NULL,NULL,NULL);
INSERT INTO "cells" VALUES(56,'4918e6d087a2752bb0fb2fe18f16e18146b4d3aa67917f38c6b0e4d9dd749d0c',1,1,1,1,'a bear on the beach','a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2',3,'{"caption": "a photo of a bear", "checkpoint": null, "negative_prompt": "blurry, \u00e9tude", "sampling": {"steps": 20, "resolution": 64, "w_ref": 3.0, "p_r": 0.9, "w_r": 2.0, "w_c": 4.0, "dt": 10, "dt_prime": 10, "beta": 0.5}, "engine": 1, "controlnets": {"pose": "f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1"}, "frames": {"first": "dc25071925c2d1d013884586165be862fa6acc019db3b685fa8c3d56c5b66188", "previous": "dc25071925c2d1d013884586165be862fa6acc019db3b685fa8c3d56c5b66188"}}','planned',NULL,NULL,0,NULL,'2026-11-28 20:49:33.780237','2026-11-28 20:49:33.780241',NULL,0,NULL,'c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1',NULL);
INSERT INTO "cells" VALUES(57,'4a622c61780d0acaba8090a43e2af8b909f1d44a92af1875d38c5a8cb9b14125',1,1,1,1,'a photo of a bear in the snow, 雪','a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3',3,'{"caption": "a photo of a bear", "checkpoint": null, "negative_prompt": "blurry, \u00e9tude", "sampling": {"steps": 20, "resolution": 64, "w_ref": 3.0, "p_r": 0.9, "w_r": 2.0, "w_c": 4.0, "dt": 10, "dt_prime": 10, "beta": 0.5}, "engine": 1, "controlnets": {"pose": "f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1"}, "frames": {"first": "5282c37b0b60179a600cefa318fe5f0bb045b807bf824190e735b7b52fc13d71", "previous": "d934b9052077680700a18e9028431bb09c6877af5dc458ab52a043b094c08e33"}}','planned',NULL,NULL,0,NULL,'2026-11-28 20:49:33.780242','2026-11-28 20:49:33.780244',NULL,0,NULL,'c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1',NULL);
INSERT INTO "cells" VALUES(58,'54d29fa7ba975dce9b262126403be0618e9d0f9a76a4c60ed4fd83abdd2a7717',1,1,1,1,'a bear on the beach','a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3',3,'{"caption": "a photo of a bear", "checkpoint": null, "negative_prompt": "blurry, \u00e9tude", "sampling": {"steps": 20, "resolution": 64, "w_ref": 3.0, "p_r": 0.9, "w_r": 2.0, "w_c": 4.0, "dt": 10, "dt_prime": 10, "beta": 0.5}, "engine": 1, "controlnets": {"pose": "f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1"}, "frames": {"first": "dc25071925c2d1d013884586165be862fa6acc019db3b685fa8c3d56c5b66188", "previous": "4918e6d087a2752bb0fb2fe18f16e18146b4d3aa67917f38c6b0e4d9dd749d0c"}}','planned',NULL,NULL,0,NULL,'2026-11-28 20:49:33.780248','2026-11-28 20:49:33.780249',NULL,0,NULL,'c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1',NULL);
INSERT INTO "cells" VALUES(59,'7f172bf3a80255355f83d1b9dd8d635d9e917065d67fe0f160c1086e2be89085',1,1,1,1,'a photo of a bear in the snow, 雪','a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3',3326820541,'{"caption": "a photo of a bear", "checkpoint": null, "negative_prompt": "blurry, \u00e9tude", "sampling": {"steps": 20, "resolution": 64, "w_ref": 3.0, "p_r": 0.9, "w_r": 2.0, "w_c": 4.0, "dt": 10, "dt_prime": 10, "beta": 0.5}, "engine": 1, "controlnets": {"pose": "f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1"}}','planned',NULL,NULL,0,NULL,'2026-11-28 20:49:33.781355','2026-11-28 20:49:33.781358',NULL,0,NULL,'c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1',NULL);
INSERT INTO "cells" VALUES(60,'8025b7bf94eb7035bbc64e120572420ccb4c1ca43e9ed3eb6c0c8d6cf28292ac',1,1,1,1,'a bear on the beach','a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3',3326820541,'{"caption": "a photo of a bear", "checkpoint": null, "negative_prompt": "blurry, \u00e9tude", "sampling": {"steps": 20, "resolution": 64, "w_ref": 3.0, "p_r": 0.9, "w_r": 2.0, "w_c": 4.0, "dt": 10, "dt_prime": 10, "beta": 0.5}, "engine": 1, "controlnets": {"pose": "f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1"}}','planned',NULL,NULL,0,NULL,'2026-11-28 20:49:33.781360','2026-11-28 20:49:33.781362',NULL,0,NULL,'c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1',NULL);
INSERT INTO "cells" VALUES(61,'9d06423a4464b411bd0bddad4bc11d3ec87259b80877420e47f881ce757eab29',2,2,2,1,'a drawing of a teddy bear in the snow, 雪','a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3',3,'{"caption": "une peluche \u00e0 carreaux", "checkpoint": null, "negative_prompt": "blurry, \u00e9tude", "sampling": {"steps": 20, "resolution": 64, "w_ref": 2.5, "p_r": 0.9, "w_r": 2.0, "w_c": 4.0, "dt": 10, "dt_prime": 10, "beta": 0.5}, "engine": 1, "controlnets": {"pose": "f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1"}}','planned',NULL,NULL,0,NULL,'2026-11-28 20:49:33.781830','2026-11-28 20:49:33.781831',NULL,0,NULL,NULL,NULL);
INSERT INTO "cells" VALUES(62,'9fabdcafd4eff826db00c434805fb56d0f7f9457bfc604e817a5c16a3f9d0a4c',2,2,2,1,'a teddy bear on the beach','a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3',3,'{"caption": "une peluche \u00e0 carreaux", "checkpoint": null, "negative_prompt": "blurry, \u00e9tude", "sampling": {"steps": 20, "resolution": 64, "w_ref": 2.5, "p_r": 0.9, "w_r": 2.0, "w_c": 4.0, "dt": 10, "dt_prime": 10, "beta": 0.5}, "engine": 1, "controlnets": {"pose": "f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1"}}','planned',NULL,NULL,0,NULL,'2026-11-28 20:49:33.781832','2026-11-28 20:49:33.781834',NULL,0,NULL,NULL,NULL);
INSERT INTO "cells" VALUES(63,'d934b9052077680700a18e9028431bb09c6877af5dc458ab52a043b094c08e33',1,1,1,1,'a photo of a bear in the snow, 雪','a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2',3,'{"caption": "a photo of a bear", "checkpoint": null, "negative_prompt": "blurry, \u00e9tude", "sampling": {"steps": 20, "resolution": 64, "w_ref": 3.0, "p_r": 0.9, "w_r": 2.0, "w_c": 4.0, "dt": 10, "dt_prime": 10, "beta": 0.5}, "engine": 1, "controlnets": {"pose": "f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1"}, "frames": {"first": "5282c37b0b60179a600cefa318fe5f0bb045b807bf824190e735b7b52fc13d71", "previous": "5282c37b0b60179a600cefa318fe5f0bb045b807bf824190e735b7b52fc13d71"}}','planned',NULL,NULL,0,NULL,'2026-11-28 20:49:33.783188','2026-11-28 20:49:33.783190',NULL,0,NULL,'c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1',NULL);
INSERT INTO "cells" VALUES(64,'e42809aca0ab4579af03bf146563408342074d31265f67e7a922f0cda47d5fad',1,1,1,1,'a photo of a bear in the snow, 雪','a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3',3,'{"caption": "a photo of a bear", "checkpoint": null, "negative_prompt": "blurry, \u00e9tude", "sampling": {"steps": 20, "resolution": 64, "w_ref": 3.0, "p_r": 0.9, "w_r": 2.0, "w_c": 4.0, "dt": 10, "dt_prime": 10, "beta": 0.5}, "engine": 1, "controlnets": {"pose": "f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1"}}','planned',NULL,NULL,0,NULL,'2026-11-28 20:49:33.783195','2026-11-28 20:49:33.783196',NULL,0,NULL,'c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1',NULL);
INSERT INTO "cells" VALUES(65,'02ed5dddbcab44eececbeefacb9ff1cc8a51e066d77f796975c44cb3d76c48f6',1,1,1,1,'a bear [S*] on the beach','a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2',688555545,'{"caption": "a photo of a bear", "checkpoint": "2e05ca957cf06c5fc72cd4fcadd140a5f11e4060fceb7386a4674e3915b1eb89", "negative_prompt": "blurry, \u00e9tude", "sampling": {"steps": 20, "resolution": 64, "w_ref": 3.0, "p_r": 0.4, "w_r": 4.0, "w_c": 4.0, "dt": 10, "dt_prime": 10, "beta": 0.5}, "engine": 1, "controlnets": {"pose": "f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1"}}','planned',NULL,NULL,0,NULL,'2026-11-28 20:49:33.791819','2026-11-28 20:49:33.791822',NULL,0,NULL,'c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1',NULL);
INSERT INTO "cells" VALUES(66,'074ba3a4560860b30542f3c1f043749ae6163d78a583b94dd198fcbe09ba6aa3',1,1,1,1,'a bear [S*] on the beach','a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3',3,'{"caption": "a photo of a bear", "checkpoint": "2e05ca957cf06c5fc72cd4fcadd140a5f11e4060fceb7386a4674e3915b1eb89", "negative_prompt": "blurry, \u00e9tude", "sampling": {"steps": 20, "resolution": 64, "w_ref": 3.0, "p_r": 0.4, "w_r": 4.0, "w_c": 4.0, "dt": 10, "dt_prime": 10, "beta": 0.5}, "engine": 1, "controlnets": {"pose": "f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1"}}','planned',NULL,NULL,0,NULL,'2026-11-28 20:49:33.791824','2026-11-28 20:49:33.791826',NULL,0,NULL,'c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1',NULL);
INSERT INTO "cells" VALUES(67,'1a51eeda6d649f01b7a54015561074837e9f70ee9cfa2629ff025ef582aa61e2',1,1,1,1,'a photo of a bear [S*] in the snow, 雪','a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2',3,'{"caption": "a photo of a bear", "checkpoint": "2e05ca957cf06c5fc72cd4fcadd140a5f11e4060fceb7386a4674e3915b1eb89", "negative_prompt": "blurry, \u00e9tude", "sampling": {"steps": 20, "resolution": 64, "w_ref": 3.0, "p_r": 0.4, "w_r": 4.0, "w_c": 4.0, "dt": 10, "dt_prime": 10, "beta": 0.5}, "engine": 1, "controlnets": {"pose": "f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1"}, "frames": {"first": "84fbbb6620d7f1dc4a3042e6d8a677de8870b47ac9b830e02c75e605699a577c", "previous": "84fbbb6620d7f1dc4a3042e6d8a677de8870b47ac9b830e02c75e605699a577c"}}','planned',NULL,NULL,0,NULL,'2026-11-28 20:49:33.791827','2026-11-28 20:49:33.791828',NULL,0,NULL,'c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1',NULL);
INSERT INTO "cells" VALUES(68,'1aa5629b1f5439f03409c369d95724815b8bf10d76b82471786e60c4bc20ed14',1,1,1,1,'a bear [S*] on the beach','a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3',3326820541,'{"caption": "a photo of a bear", "checkpoint": "2e05ca957cf06c5fc72cd4fcadd140a5f11e4060fceb7386a4674e3915b1eb89", "negative_prompt": "blurry, \u00e9tude", "sampling": {"steps": 20, "resolution": 64, "w_ref": 3.0, "p_r": 0.4, "w_r": 4.0, "w_c": 4.0, "dt": 10, "dt_prime": 10, "beta": 0.5}, "engine": 1, "controlnets": {"pose": "f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1"}}','planned',NULL,NULL,0,NULL,'2026-11-28 20:49:33.791830','2026-11-28 20:49:33.791831',NULL,0,NULL,'c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1',NULL);
INSERT INTO "cells" VALUES(69,'3253b20ee6c76bee4a7437b86b42be764864274a3290d71e4f45e2afb4ec4e13',1,1,1,1,'a bear [S*] on the beach','a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1',3,'{"caption": "a photo of a bear", "checkpoint": "2e05ca957cf06c5fc72cd4fcadd140a5f11e4060fceb7386a4674e3915b1eb89", "negative_prompt": "blurry, \u00e9tude", "sampling": {"steps": 20, "resolution": 64, "w_ref": 3.0, "p_r": 0.4, "w_r": 4.0, "w_c": 4.0, "dt": 10, "dt_prime": 10, "beta": 0.5}, "engine": 1, "controlnets": {"pose": "f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1"}}','planned',NULL,NULL,0,NULL,'2026-11-28 20:49:33.791833','2026-11-28 20:49:33.791835',NULL,0,NULL,'c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1',NULL);
INSERT INTO "cells" VALUES(70,'3689267815956a3d918bb0631cd576248168d59bc7c02e8dc64c079470ef3b66',2,2,2,1,'a teddy bear [S*] on the beach','a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3',3,'{"caption": "une peluche \u00e0 carreaux", "checkpoint": "ee71cfcfd8b89a906f48a878522babbd1c863d9450e96bddfa49f0ebc6a48e90", "negative_prompt": "blurry, \u00e9tude", "sampling": {"steps": 20, "resolution": 64, "w_ref": 2.5, "p_r": 0.4, "w_r": 4.0, "w_c": 4.0, "dt": 10, "dt_prime": 10, "beta": 0.5}, "engine": 1, "controlnets": {"pose": "f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1"}, "frames": {"first": "bc37e7580bc88d4808ebb7e8310c23b9d1a07343616969f256cfc05090ba435b", "previous": "9b18e4e90778d28dbafca68fe010e9a236d2bc1523844b9e563e77628861f5ec"}}','planned',NULL,NULL,0,NULL,'2026-11-28 20:49:33.792656','2026-11-28 20:49:33.792659',NULL,0,NULL,NULL,NULL);
INSERT INTO "cells" VALUES(71,'44b40f63d41302dd4611e17cd81e2f73f732c657cec68cfe9c97838ef2ade30a',1,1,1,1,'a photo of a bear [S*] in the snow, 雪','a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3',3,'{"caption": "a photo of a bear", "checkpoint": "2e05ca957cf06c5fc72cd4fcadd140a5f11e4060fceb7386a4674e3915b1eb89", "negative_prompt": "blurry, \u00e9tude", "sampling": {"steps": 20, "resolution": 64, "w_ref": 3.0, "p_r": 0.4, "w_r": 4.0, "w_c": 4.0, "dt": 10, "dt_prime": 10, "beta": 0.5}, "engine": 1, "controlnets": {"pose": "f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1"}, "frames": {"first": "84fbbb6620d7f1dc4a3042e6d8a677de8870b47ac9b830e02c75e605699a577c", "previous": "1a51eeda6d649f01b7a54015561074837e9f70ee9cfa2629ff025ef582aa61e2"}}','planned',NULL,NULL,0,NULL,'2026-11-28 20:49:33.793038','2026-11-28 20:49:33.793049',NULL,0,NULL,'c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1',NULL);
INSERT INTO "cells" VALUES(72,'509b1b58f9693e01afa798045b35d8cf486a4071051135fae0fdf6c6df995a75',1,1,1,1,'a bear [S*] on the beach','a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2',3,'{"caption": "a photo of a bear", "checkpoint": "2e05ca957cf06c5fc72cd4fcadd140a5f11e4060fceb7386a4674e3915b1eb89", "negative_prompt": "blurry, \u00e9tude", "sampling": {"steps": 20, "resolution": 64, "w_ref": 3.0, "p_r": 0.4, "w_r": 4.0, "w_c": 4.0, "dt": 10, "dt_prime": 10, "beta": 0.5}, "engine": 1, "controlnets": {"pose": "f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1"}}','planned',NULL,NULL,0,NULL,'2026-11-28 20:49:33.793051','2026-11-28 20:49:33.793052',NULL,0,NULL,'c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1',NULL);
INSERT INTO "cells" VALUES(73,'53603e4af20090d80389cd4993962133b8d604d0b5ada97a7a3edd9b9c14b1fd',2,2,2,1,'a teddy bear [S*] on the beach','a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2',3,'{"caption": "une peluche \u00e0 carreaux", "checkpoint": "ee71cfcfd8b89a906f48a878522babbd1c863d9450e96bddfa49f0ebc6a48e90", "negative_prompt": "blurry, \u00e9tude", "sampling": {"steps": 20, "resolution": 64, "w_ref": 2.5, "p_r": 0.4, "w_r": 4.0, "w_c": 4.0, "dt": 10, "dt_prime": 10, "beta": 0.5}, "engine": 1, "controlnets": {"pose": "f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1"}}','planned',NULL,NULL,0,NULL,'2026-11-28 20:49:33.793588','2026-11-28 20:49:33.793592',NULL,0,NULL,NULL,NULL);
INSERT INTO "cells" VALUES(74,'6e52c0ec903929227e6013de97dc1fe7a2d61e46eca87f068497d34e787acd21',1,1,1,1,'a photo of a bear [S*] in the snow, 雪','a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3',3,'{"caption": "a photo of a bear", "checkpoint": "2e05ca957cf06c5fc72cd4fcadd140a5f11e4060fceb7386a4674e3915b1eb89", "negative_prompt": "blurry, \u00e9tude", "sampling": {"steps": 20, "resolution": 64, "w_ref": 3.0, "p_r": 0.4, "w_r": 4.0, "w_c": 4.0, "dt": 10, "dt_prime": 10, "beta": 0.5}, "engine": 1, "controlnets": {"pose": "f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1"}}','planned',NULL,NULL,0,NULL,'2026-11-28 20:49:33.793932','2026-11-28 20:49:33.793935',NULL,0,NULL,'c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1',NULL);
INSERT INTO "cells" VALUES(75,'6f5bd33bb6c44125212b75f1eee63410515cc6fd229b9be29c785d09f8829cc9',2,2,2,1,'a drawing of a teddy bear [S*] in the snow, 雪','a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2',688555545,'{"caption": "une peluche \u00e0 carreaux", "checkpoint": "ee71cfcfd8b89a906f48a878522babbd1c863d9450e96bddfa49f0ebc6a48e90", "negative_prompt": "blurry, \u00e9tude", "sampling": {"steps": 20, "resolution": 64, "w_ref": 2.5, "p_r": 0.4, "w_r": 4.0, "w_c": 4.0, "dt": 10, "dt_prime": 10, "beta": 0.5}, "engine": 1, "controlnets": {"pose": "f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1"}}','planned',NULL,NULL,0,NULL,'2026-11-28 20:49:33.794282','2026-11-28 20:49:33.794285',NULL,0,NULL,NULL,NULL);
INSERT INTO "cells" VALUES(76,'78e72ca21217467c562c79b7aa51b1c338fc63baa249a013d73526079ee17c1e',1,1,1,1,'a photo of a bear [S*] in the snow, 雪','a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2',3,'{"caption": "a photo of a bear", "checkpoint": "2e05ca957cf06c5fc72cd4fcadd140a5f11e4060fceb7386a4674e3915b1eb89", "negative_prompt": "blurry, \u00e9tude", "sampling": {"steps": 20, "resolution": 64, "w_ref": 3.0, "p_r": 0.4, "w_r": 4.0, "w_c": 4.0, "dt": 10, "dt_prime": 10, "beta": 0.5}, "engine": 1, "controlnets": {"pose": "f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1"}}','planned',NULL,NULL,0,NULL,'2026-11-28 20:49:33.794690','2026-11-28 20:49:33.794693',NULL,0,NULL,'c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1',NULL);
INSERT INTO "cells" VALUES(77,'7ab408f77b84dd638e63fcece1928222b6300eac72914a596495f9bc8ec31d83',1,1,1,1,'a bear [S*] on the beach','a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3',3,'{"caption": "a photo of a bear", "checkpoint": "2e05ca957cf06c5fc72cd4fcadd140a5f11e4060fceb7386a4674e3915b1eb89", "negative_prompt": "blurry, \u00e9tude", "sampling": {"steps": 20, "resolution": 64, "w_ref": 3.0, "p_r": 0.4, "w_r": 4.0, "w_c": 4.0, "dt": 10, "dt_prime": 10, "beta": 0.5}, "engine": 1, "controlnets": {"pose": "f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1"}, "frames": {"first": "3253b20ee6c76bee4a7437b86b42be764864274a3290d71e4f45e2afb4ec4e13", "previous": "d8cb4be53332af75bde4b38ef280d0430ec9b7acfc5bc66b2903e837fb0f5caf"}}','planned',NULL,NULL,0,NULL,'2026-11-28 20:49:33.794695','2026-11-28 20:49:33.794696',NULL,0,NULL,'c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1',NULL);
INSERT INTO "cells" VALUES(78,'7aeec2373de9d1615e9c1928f697b4bdd2699d156dda11a472646bc3f4e0de3c',2,2,2,1,'a drawing of a teddy bear [S*] in the snow, 雪','a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3',3326820541,'{"caption": "une peluche \u00e0 carreaux", "checkpoint": "ee71cfcfd8b89a906f48a878522babbd1c863d9450e96bddfa49f0ebc6a48e90", "negative_prompt": "blurry, \u00e9tude", "sampling": {"steps": 20, "resolution": 64, "w_ref": 2.5, "p_r": 0.4, "w_r": 4.0, "w_c": 4.0, "dt": 10, "dt_prime": 10, "beta": 0.5}, "engine": 1, "controlnets": {"pose": "f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1"}}','planned',NULL,NULL,0,NULL,'2026-11-28 20:49:33.795156','2026-11-28 20:49:33.795159',NULL,0,NULL,NULL,NULL);
INSERT INTO "cells" VALUES(79,'84fbbb6620d7f1dc4a3042e6d8a677de8870b47ac9b830e02c75e605699a577c',1,1,1,1,'a photo of a bear [S*] in the snow, 雪','a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1',3,'{"caption": "a photo of a bear", "checkpoint": "2e05ca957cf06c5fc72cd4fcadd140a5f11e4060fceb7386a4674e3915b1eb89", "negative_prompt": "blurry, \u00e9tude", "sampling": {"steps": 20, "resolution": 64, "w_ref": 3.0, "p_r": 0.4, "w_r": 4.0, "w_c": 4.0, "dt": 10, "dt_prime": 10, "beta": 0.5}, "engine": 1, "controlnets": {"pose": "f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1"}}','planned',NULL,NULL,0,NULL,'2026-11-28 20:49:33.795504','2026-11-28 20:49:33.795507',NULL,0,NULL,'c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1',NULL);
INSERT INTO "cells" VALUES(80,'9a3d8b567d9c7cc53731c3047f9d512f2fb819f375332824b350e7d332429a26',1,1,1,1,'a photo of a bear [S*] in the snow, 雪','a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3',3326820541,'{"caption": "a photo of a bear", "checkpoint": "2e05ca957cf06c5fc72cd4fcadd140a5f11e4060fceb7386a4674e3915b1eb89", "negative_prompt": "blurry, \u00e9tude", "sampling": {"steps": 20, "resolution": 64, "w_ref": 3.0, "p_r": 0.4, "w_r": 4.0, "w_c": 4.0, "dt": 10, "dt_prime": 10, "beta": 0.5}, "engine": 1, "controlnets": {"pose": "f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1"}}','planned',NULL,NULL,0,NULL,'2026-11-28 20:49:33.795509','2026-11-28 20:49:33.795510',NULL,0,NULL,'c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1',NULL);
INSERT INTO "cells" VALUES(81,'9b18e4e90778d28dbafca68fe010e9a236d2bc1523844b9e563e77628861f5ec',2,2,2,1,'a teddy bear [S*] on the beach','a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2',3,'{"caption": "une peluche \u00e0 carreaux", "checkpoint": "ee71cfcfd8b89a906f48a878522babbd1c863d9450e96bddfa49f0ebc6a48e90", "negative_prompt": "blurry, \u00e9tude", "sampling": {"steps": 20, "resolution": 64, "w_ref": 2.5, "p_r": 0.4, "w_r": 4.0, "w_c": 4.0, "dt": 10, "dt_prime": 10, "beta": 0.5}, "engine": 1, "controlnets": {"pose": "f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1"}, "frames": {"first": "bc37e7580bc88d4808ebb7e8310c23b9d1a07343616969f256cfc05090ba435b", "previous": "bc37e7580bc88d4808ebb7e8310c23b9d1a07343616969f256cfc05090ba435b"}}','planned',NULL,NULL,0,NULL,'2026-11-28 20:49:33.796015','2026-11-28 20:49:33.796018',NULL,0,NULL,NULL,NULL);
INSERT INTO "cells" VALUES(82,'a61fc06c36b0b5d7d9c1b82b3b41840f29831901871e6363c76930dce7247ed6',2,2,2,1,'a drawing of a teddy bear [S*] in the snow, 雪','a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2',3,'{"caption": "une peluche \u00e0 carreaux", "checkpoint": "ee71cfcfd8b89a906f48a878522babbd1c863d9450e96bddfa49f0ebc6a48e90", "negative_prompt": "blurry, \u00e9tude", "sampling": {"steps": 20, "resolution": 64, "w_ref": 2.5, "p_r": 0.4, "w_r": 4.0, "w_c": 4.0, "dt": 10, "dt_prime": 10, "beta": 0.5}, "engine": 1, "controlnets": {"pose": "f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1"}, "frames": {"first": "d1272a18870635043c94af0abb251d1aa5034b220f4c4e65841ebebf638a99c6", "previous": "d1272a18870635043c94af0abb251d1aa5034b220f4c4e65841ebebf638a99c6"}}','planned',NULL,NULL,0,NULL,'2026-11-28 20:49:33.796020','2026-11-28 20:49:33.796021',NULL,0,NULL,NULL,NULL);
INSERT INTO "cells" VALUES(83,'bc37e7580bc88d4808ebb7e8310c23b9d1a07343616969f256cfc05090ba435b',2,2,2,1,'a teddy bear [S*] on the beach','a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1',3,'{"caption": "une peluche \u00e0 carreaux", "checkpoint": "ee71cfcfd8b89a906f48a878522babbd1c863d9450e96bddfa49f0ebc6a48e90", "negative_prompt": "blurry, \u00e9tude", "sampling": {"steps": 20, "resolution": 64, "w_ref": 2.5, "p_r": 0.4, "w_r": 4.0, "w_c": 4.0, "dt": 10, "dt_prime": 10, "beta": 0.5}, "engine": 1, "controlnets": {"pose": "f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1"}}','planned',NULL,NULL,0,NULL,'2026-11-28 20:49:33.796023','2026-11-28 20:49:33.796024',NULL,0,NULL,NULL,NULL);
INSERT INTO "cells" VALUES(84,'be19b3ff6df420bf48ad26c288d898f7ef1400624a9cec3761ed727a1207b509',2,2,2,1,'a drawing of a teddy bear [S*] in the snow, 雪','a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3',3,'{"caption": "une peluche \u00e0 carreaux", "checkpoint": "ee71cfcfd8b89a906f48a878522babbd1c863d9450e96bddfa49f0ebc6a48e90", "negative_prompt": "blurry, \u00e9tude", "sampling": {"steps": 20, "resolution": 64, "w_ref": 2.5, "p_r": 0.4, "w_r": 4.0, "w_c": 4.0, "dt": 10, "dt_prime": 10, "beta": 0.5}, "engine": 1, "controlnets": {"pose": "f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1"}}','planned',NULL,NULL,0,NULL,'2026-11-28 20:49:33.796026','2026-11-28 20:49:33.796027',NULL,0,NULL,NULL,NULL);
INSERT INTO "cells" VALUES(85,'c7531026855c8177c2a8555ee0116c685d1614164fb7cc38f996b472334e4953',2,2,2,1,'a drawing of a teddy bear [S*] in the snow, 雪','a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3',3,'{"caption": "une peluche \u00e0 carreaux", "checkpoint": "ee71cfcfd8b89a906f48a878522babbd1c863d9450e96bddfa49f0ebc6a48e90", "negative_prompt": "blurry, \u00e9tude", "sampling": {"steps": 20, "resolution": 64, "w_ref": 2.5, "p_r": 0.4, "w_r": 4.0, "w_c": 4.0, "dt": 10, "dt_prime": 10, "beta": 0.5}, "engine": 1, "controlnets": {"pose": "f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1"}, "frames": {"first": "d1272a18870635043c94af0abb251d1aa5034b220f4c4e65841ebebf638a99c6", "previous": "a61fc06c36b0b5d7d9c1b82b3b41840f29831901871e6363c76930dce7247ed6"}}','planned',NULL,NULL,0,NULL,'2026-11-28 20:49:33.796029','2026-11-28 20:49:33.796030',NULL,0,NULL,NULL,NULL);
INSERT INTO "cells" VALUES(86,'d1272a18870635043c94af0abb251d1aa5034b220f4c4e65841ebebf638a99c6',2,2,2,1,'a drawing of a teddy bear [S*] in the snow, 雪','a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1',3,'{"caption": "une peluche \u00e0 carreaux", "checkpoint": "ee71cfcfd8b89a906f48a878522babbd1c863d9450e96bddfa49f0ebc6a48e90", "negative_prompt": "blurry, \u00e9tude", "sampling": {"steps": 20, "resolution": 64, "w_ref": 2.5, "p_r": 0.4, "w_r": 4.0, "w_c": 4.0, "dt": 10, "dt_prime": 10, "beta": 0.5}, "engine": 1, "controlnets": {"pose": "f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1"}}','planned',NULL,NULL,0,NULL,'2026-11-28 20:49:33.796032','2026-11-28 20:49:33.796033',NULL,0,NULL,NULL,NULL);
INSERT INTO "cells" VALUES(87,'d8cb4be53332af75bde4b38ef280d0430ec9b7acfc5bc66b2903e837fb0f5caf',1,1,1,1,'a bear [S*] on the beach','a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2',3,'{"caption": "a photo of a bear", "checkpoint": "2e05ca957cf06c5fc72cd4fcadd140a5f11e4060fceb7386a4674e3915b1eb89", "negative_prompt": "blurry, \u00e9tude", "sampling": {"steps": 20, "resolution": 64, "w_ref": 3.0, "p_r": 0.4, "w_r": 4.0, "w_c": 4.0, "dt": 10, "dt_prime": 10, "beta": 0.5}, "engine": 1, "controlnets": {"pose": "f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1"}, "frames": {"first": "3253b20ee6c76bee4a7437b86b42be764864274a3290d71e4f45e2afb4ec4e13", "previous": "3253b20ee6c76bee4a7437b86b42be764864274a3290d71e4f45e2afb4ec4e13"}}','planned',NULL,NULL,0,NULL,'2026-11-28 20:49:33.796850','2026-11-28 20:49:33.796855',NULL,0,NULL,'c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1',NULL);
INSERT INTO "cells" VALUES(88,'e5e7cc12b082bac24ff2f7d2ea5c5cd84aefdcc8d434fa2514d8ff9c46478945',2,2,2,1,'a teddy bear [S*] on the beach','a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2',688555545,'{"caption": "une peluche \u00e0 carreaux", "checkpoint": "ee71cfcfd8b89a906f48a878522babbd1c863d9450e96bddfa49f0ebc6a48e90", "negative_prompt": "blurry, \u00e9tude", "sampling": {"steps": 20, "resolution": 64, "w_ref": 2.5, "p_r": 0.4, "w_r": 4.0, "w_c": 4.0, "dt": 10, "dt_prime": 10, "beta": 0.5}, "engine": 1, "controlnets": {"pose": "f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1"}}','planned',NULL,NULL,0,NULL,'2026-11-28 20:49:33.797229','2026-11-28 20:49:33.797232',NULL,0,NULL,NULL,NULL);
INSERT INTO "cells" VALUES(89,'ec574bfbf1a3ff3a818bcddb45c876876520f7e6ef0cc141fe5e20d0a22d1e3b',1,1,1,1,'a photo of a bear [S*] in the snow, 雪','a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2',688555545,'{"caption": "a photo of a bear", "checkpoint": "2e05ca957cf06c5fc72cd4fcadd140a5f11e4060fceb7386a4674e3915b1eb89", "negative_prompt": "blurry, \u00e9tude", "sampling": {"steps": 20, "resolution": 64, "w_ref": 3.0, "p_r": 0.4, "w_r": 4.0, "w_c": 4.0, "dt": 10, "dt_prime": 10, "beta": 0.5}, "engine": 1, "controlnets": {"pose": "f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1"}}','planned',NULL,NULL,0,NULL,'2026-11-28 20:49:33.797556','2026-11-28 20:49:33.797559',NULL,0,NULL,'c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1',NULL);
INSERT INTO "cells" VALUES(90,'eef780eca417e933e036b65a2b9377b01c182f6a82d8b6dd1049fe1a14725a4c',2,2,2,1,'a drawing of a teddy bear [S*] in the snow, 雪','a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2',3,'{"caption": "une peluche \u00e0 carreaux", "checkpoint": "ee71cfcfd8b89a906f48a878522babbd1c863d9450e96bddfa49f0ebc6a48e90", "negative_prompt": "blurry, \u00e9tude", "sampling": {"steps": 20, "resolution": 64, "w_ref": 2.5, "p_r": 0.4, "w_r": 4.0, "w_c": 4.0, "dt": 10, "dt_prime": 10, "beta": 0.5}, "engine": 1, "controlnets": {"pose": "f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1"}}','planned',NULL,NULL,0,NULL,'2026-11-28 20:49:33.797907','2026-11-28 20:49:33.797909',NULL,0,NULL,NULL,NULL);
INSERT INTO "cells" VALUES(91,'f858639e7216886826c5d3e0f3ee67175fc52d7e2ca83cbab1b3980b8466ef78',2,2,2,1,'a teddy bear [S*] on the beach','a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3',3,'{"caption": "une peluche \u00e0 carreaux", "checkpoint": "ee71cfcfd8b89a906f48a878522babbd1c863d9450e96bddfa49f0ebc6a48e90", "negative_prompt": "blurry, \u00e9tude", "sampling": {"steps": 20, "resolution": 64, "w_ref": 2.5, "p_r": 0.4, "w_r": 4.0, "w_c": 4.0, "dt": 10, "dt_prime": 10, "beta": 0.5}, "engine": 1, "controlnets": {"pose": "f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1"}}','planned',NULL,NULL,0,NULL,'2026-11-28 20:49:33.797911','2026-11-28 20:49:33.797913',NULL,0,NULL,NULL,NULL);
INSERT INTO "cells" VALUES(92,'f99865ac21fbb8e556b787225c1ec7938e1dbae19e62e84325b075476f4f39a6',2,2,2,1,'a teddy bear [S*] on the beach','a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3',3326820541,'{"caption": "une peluche \u00e0 carreaux", "checkpoint": "ee71cfcfd8b89a906f48a878522babbd1c863d9450e96bddfa49f0ebc6a48e90", "negative_prompt": "blurry, \u00e9tude", "sampling": {"steps": 20, "resolution": 64, "w_ref": 2.5, "p_r": 0.4, "w_r": 4.0, "w_c": 4.0, "dt": 10, "dt_prime": 10, "beta": 0.5}, "engine": 1, "controlnets": {"pose": "f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1"}}','planned',NULL,NULL,0,NULL,'2026-11-28 20:49:33.797915','2026-11-28 20:49:33.797916',NULL,0,NULL,NULL,NULL);
CREATE TABLE checkpoints (
	id INTEGER NOT NULL, 
	subject_id INTEGER NOT NULL, 
	reference_id INTEGER NOT NULL, 
	mask_id INTEGER, 
	profile_id INTEGER NOT NULL, 
	weights_sha256 VARCHAR NOT NULL, 
	settings JSON NOT NULL, 
	created_at DATETIME NOT NULL, 
	CONSTRAINT pk_checkpoints PRIMARY KEY (id), 
	CONSTRAINT fk_checkpoints_subject_id FOREIGN KEY(subject_id) REFERENCES subjects (id), 
	CONSTRAINT fk_checkpoints_reference_id FOREIGN KEY(reference_id) REFERENCES refs (id), 
	CONSTRAINT fk_checkpoints_mask_id FOREIGN KEY(mask_id) REFERENCES masks (id), 
	CONSTRAINT fk_checkpoints_profile_id FOREIGN KEY(profile_id) REFERENCES profiles (id), 
	CONSTRAINT fk_checkpoints_weights_sha256 FOREIGN KEY(weights_sha256) REFERENCES blobs (sha256), 
	CONSTRAINT uq_checkpoints_reference_id_profile_id_weights_sha256 UNIQUE (reference_id, profile_id, weights_sha256)
);
CREATE TABLE identities (
	issuer VARCHAR NOT NULL, 
	subject VARCHAR NOT NULL, 
	user_id INTEGER NOT NULL, 
	created_at DATETIME NOT NULL, 
	CONSTRAINT pk_identities PRIMARY KEY (issuer, subject), 
	CONSTRAINT fk_identities_user_id FOREIGN KEY(user_id) REFERENCES users (id)
);
CREATE TABLE lineage (
	id INTEGER NOT NULL, 
	entity VARCHAR NOT NULL, 
	entity_id VARCHAR NOT NULL, 
	event VARCHAR NOT NULL, 
	actor VARCHAR, 
	detail JSON NOT NULL, 
	created_at DATETIME NOT NULL, 
	CONSTRAINT pk_lineage PRIMARY KEY (id)
);
INSERT INTO "lineage" VALUES(1,'reference','1','added',NULL,'{"source": "/data/pip.png", "image_sha256": "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"}','2026-11-28 20:49:33.684314');
INSERT INTO "lineage" VALUES(2,'mask','1','added',NULL,'{"method": "grabcut", "version": 1, "mask_sha256": "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"}','2026-11-28 20:49:33.693190');
INSERT INTO "lineage" VALUES(3,'reference','2','added',NULL,'{"source": "/data/momo.png", "image_sha256": "cccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccc"}','2026-11-28 20:49:33.697044');
INSERT INTO "lineage" VALUES(4,'mask','2','added',NULL,'{"method": "grabcut", "version": 1, "mask_sha256": "dddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddd"}','2026-11-28 20:49:33.699968');
INSERT INTO "lineage" VALUES(5,'cell','7fbe73ebe00358ac47f124023958fb979114acb7208389c60b44027b44ff168e','generated','me','{"image_sha256": "7777777777777777777777777777777777777777777777777777777777777777", "run_id": null}','2026-11-28 20:49:33.817350');
CREATE TABLE links (
	token_sha256 VARCHAR NOT NULL, 
	user_id INTEGER NOT NULL, 
	created_at DATETIME NOT NULL, 
	expires_at DATETIME NOT NULL, 
	CONSTRAINT pk_links PRIMARY KEY (token_sha256), 
	CONSTRAINT fk_links_user_id FOREIGN KEY(user_id) REFERENCES users (id)
);
CREATE TABLE masks (
	id INTEGER NOT NULL, 
	reference_id INTEGER NOT NULL, 
	mask_sha256 VARCHAR NOT NULL, 
	method VARCHAR NOT NULL, 
	confidence DOUBLE NOT NULL, 
	doubtful BOOLEAN NOT NULL, 
	turn INTEGER NOT NULL, 
	created_at DATETIME NOT NULL, version INTEGER DEFAULT '0' NOT NULL, 
	CONSTRAINT pk_masks PRIMARY KEY (id), 
	CONSTRAINT ck_masks_confidence CHECK (confidence BETWEEN 0 AND 1), 
	CONSTRAINT fk_masks_mask_sha256 FOREIGN KEY(mask_sha256) REFERENCES blobs (sha256), 
	CONSTRAINT fk_masks_reference_id FOREIGN KEY(reference_id) REFERENCES refs (id), 
	CONSTRAINT uq_masks_reference_id_mask_sha256_method UNIQUE (reference_id, mask_sha256, method)
);
INSERT INTO "masks" VALUES(1,1,'bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb','grabcut',0.9,0,1,'2026-11-28 20:49:33.692155',1);
INSERT INTO "masks" VALUES(2,2,'dddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddd','grabcut',0.9,0,1,'2026-11-28 20:49:33.699431',1);
CREATE TABLE measurements (
	digest VARCHAR NOT NULL, 
	method VARCHAR NOT NULL, 
	subject VARCHAR NOT NULL, 
	prompt VARCHAR NOT NULL, 
	seed INTEGER NOT NULL, 
	measures JSON NOT NULL, 
	prepare_s DOUBLE NOT NULL, 
	picture_s DOUBLE NOT NULL, 
	image_sha256 VARCHAR NOT NULL, 
	created_at DATETIME NOT NULL, 
	CONSTRAINT pk_measurements PRIMARY KEY (digest), 
	CONSTRAINT fk_measurements_image_sha256 FOREIGN KEY(image_sha256) REFERENCES blobs (sha256)
);
INSERT INTO "measurements" VALUES('cc9598a9ce82b9fea16f35c2f6f4cb9c3b88a094effe042e8ef2649321487d65','DreamTuner','123456','p',3001,'{"identity": 0.5}',1.0,0.1,'8888888888888888888888888888888888888888888888888888888888888888','2026-11-28 20:49:33.827266');
CREATE TABLE outputs (
	id INTEGER NOT NULL, 
	cell_id INTEGER NOT NULL, 
	image_sha256 VARCHAR NOT NULL, 
	width INTEGER NOT NULL, 
	height INTEGER NOT NULL, 
	created_at DATETIME NOT NULL, run_id VARCHAR CONSTRAINT fk_outputs_run_id REFERENCES runs (id), decision VARCHAR DEFAULT 'none' NOT NULL CONSTRAINT ck_outputs_decision CHECK (decision IN ('none', 'approved', 'rejected', 'flagged')), subject_id INTEGER DEFAULT '0' NOT NULL, revision INTEGER DEFAULT '1' NOT NULL, rating INTEGER DEFAULT '0' NOT NULL, approvals INTEGER DEFAULT '0' NOT NULL, 
	CONSTRAINT pk_outputs PRIMARY KEY (id), 
	CONSTRAINT fk_outputs_cell_id FOREIGN KEY(cell_id) REFERENCES cells (id), 
	CONSTRAINT fk_outputs_image_sha256 FOREIGN KEY(image_sha256) REFERENCES blobs (sha256), 
	CONSTRAINT uq_outputs_cell_id UNIQUE (cell_id)
);
INSERT INTO "outputs" VALUES(1,1,'7777777777777777777777777777777777777777777777777777777777777777',64,64,'2026-11-28 20:49:33.814996',NULL,'none',1,1,0,0);
CREATE TABLE profiles (
	id INTEGER NOT NULL, 
	name VARCHAR NOT NULL, 
	weights_digest VARCHAR NOT NULL, 
	created_at DATETIME NOT NULL, licence VARCHAR DEFAULT 'unknown' NOT NULL, parts JSON DEFAULT '{}' NOT NULL, 
	CONSTRAINT pk_profiles PRIMARY KEY (id), 
	CONSTRAINT uq_profiles_name_weights_digest UNIQUE (name, weights_digest)
);
INSERT INTO "profiles" VALUES(1,'pocket','e0e0e0e0e0e0e0e0e0e0e0e0e0e0e0e0e0e0e0e0e0e0e0e0e0e0e0e0e0e0e0e0','2026-11-28 20:49:33.701400','Apache-2.0','{}');
CREATE TABLE queues (
	id VARCHAR NOT NULL, 
	user_id INTEGER NOT NULL, 
	title VARCHAR NOT NULL, 
	filter JSON NOT NULL, 
	ids JSON NOT NULL, 
	created_at DATETIME NOT NULL, 
	CONSTRAINT pk_queues PRIMARY KEY (id), 
	CONSTRAINT fk_queues_user_id FOREIGN KEY(user_id) REFERENCES users (id)
);
CREATE TABLE refs (
	id INTEGER NOT NULL, 
	subject_id INTEGER NOT NULL, 
	image_sha256 VARCHAR NOT NULL, 
	width INTEGER NOT NULL, 
	height INTEGER NOT NULL, 
	source VARCHAR NOT NULL, 
	caption VARCHAR, 
	turn INTEGER NOT NULL, 
	created_at DATETIME NOT NULL, 
	CONSTRAINT pk_refs PRIMARY KEY (id), 
	CONSTRAINT fk_refs_image_sha256 FOREIGN KEY(image_sha256) REFERENCES blobs (sha256), 
	CONSTRAINT fk_refs_subject_id FOREIGN KEY(subject_id) REFERENCES subjects (id), 
	CONSTRAINT uq_refs_subject_id_image_sha256 UNIQUE (subject_id, image_sha256)
);
INSERT INTO "refs" VALUES(1,1,'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa',64,64,'/data/pip.png',NULL,1,'2026-11-28 20:49:33.679676');
INSERT INTO "refs" VALUES(2,2,'cccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccc',64,64,'/data/momo.png','une peluche à carreaux',1,'2026-11-28 20:49:33.696493');
CREATE TABLE reviews (
	id INTEGER NOT NULL, 
	uuid VARCHAR NOT NULL, 
	output_id INTEGER NOT NULL, 
	revision INTEGER NOT NULL, 
	image_sha256 VARCHAR NOT NULL, 
	reviewer VARCHAR NOT NULL, 
	decision VARCHAR NOT NULL, 
	rating INTEGER NOT NULL, 
	note VARCHAR NOT NULL, 
	created_at DATETIME NOT NULL, batch_id VARCHAR CONSTRAINT fk_reviews_batch_id REFERENCES batches (id), 
	CONSTRAINT pk_reviews PRIMARY KEY (id), 
	CONSTRAINT ck_reviews_decision CHECK (decision IN ('none', 'approved', 'rejected', 'flagged')), 
	CONSTRAINT ck_reviews_rating CHECK (rating BETWEEN 0 AND 5), 
	CONSTRAINT fk_reviews_output_id FOREIGN KEY(output_id) REFERENCES outputs (id), 
	CONSTRAINT uq_reviews_uuid UNIQUE (uuid), 
	CONSTRAINT uq_reviews_output_id_revision UNIQUE (output_id, revision)
);
CREATE TABLE run_cells (
	run_id VARCHAR NOT NULL, 
	cell_id INTEGER NOT NULL, 
	position INTEGER NOT NULL, 
	CONSTRAINT pk_run_cells PRIMARY KEY (run_id, cell_id), 
	CONSTRAINT fk_run_cells_cell_id FOREIGN KEY(cell_id) REFERENCES cells (id), 
	CONSTRAINT fk_run_cells_run_id FOREIGN KEY(run_id) REFERENCES runs (id)
);
INSERT INTO "run_cells" VALUES('fc965ed3-8bab-48cf-a6a6-10d07fa85681',1,0);
INSERT INTO "run_cells" VALUES('fc965ed3-8bab-48cf-a6a6-10d07fa85681',6,1);
INSERT INTO "run_cells" VALUES('fc965ed3-8bab-48cf-a6a6-10d07fa85681',8,2);
INSERT INTO "run_cells" VALUES('fc965ed3-8bab-48cf-a6a6-10d07fa85681',7,3);
INSERT INTO "run_cells" VALUES('fc965ed3-8bab-48cf-a6a6-10d07fa85681',3,4);
INSERT INTO "run_cells" VALUES('fc965ed3-8bab-48cf-a6a6-10d07fa85681',5,5);
INSERT INTO "run_cells" VALUES('fc965ed3-8bab-48cf-a6a6-10d07fa85681',4,6);
INSERT INTO "run_cells" VALUES('fc965ed3-8bab-48cf-a6a6-10d07fa85681',2,7);
INSERT INTO "run_cells" VALUES('93d79ed0-1283-44b7-8c47-4e4f09f98c2b',23,0);
INSERT INTO "run_cells" VALUES('93d79ed0-1283-44b7-8c47-4e4f09f98c2b',26,1);
INSERT INTO "run_cells" VALUES('93d79ed0-1283-44b7-8c47-4e4f09f98c2b',29,2);
INSERT INTO "run_cells" VALUES('93d79ed0-1283-44b7-8c47-4e4f09f98c2b',24,3);
INSERT INTO "run_cells" VALUES('93d79ed0-1283-44b7-8c47-4e4f09f98c2b',12,4);
INSERT INTO "run_cells" VALUES('93d79ed0-1283-44b7-8c47-4e4f09f98c2b',21,5);
INSERT INTO "run_cells" VALUES('93d79ed0-1283-44b7-8c47-4e4f09f98c2b',9,6);
INSERT INTO "run_cells" VALUES('93d79ed0-1283-44b7-8c47-4e4f09f98c2b',32,7);
INSERT INTO "run_cells" VALUES('93d79ed0-1283-44b7-8c47-4e4f09f98c2b',17,8);
INSERT INTO "run_cells" VALUES('93d79ed0-1283-44b7-8c47-4e4f09f98c2b',10,9);
INSERT INTO "run_cells" VALUES('93d79ed0-1283-44b7-8c47-4e4f09f98c2b',27,10);
INSERT INTO "run_cells" VALUES('93d79ed0-1283-44b7-8c47-4e4f09f98c2b',18,11);
INSERT INTO "run_cells" VALUES('93d79ed0-1283-44b7-8c47-4e4f09f98c2b',11,12);
INSERT INTO "run_cells" VALUES('93d79ed0-1283-44b7-8c47-4e4f09f98c2b',15,13);
INSERT INTO "run_cells" VALUES('93d79ed0-1283-44b7-8c47-4e4f09f98c2b',13,14);
INSERT INTO "run_cells" VALUES('93d79ed0-1283-44b7-8c47-4e4f09f98c2b',22,15);
INSERT INTO "run_cells" VALUES('93d79ed0-1283-44b7-8c47-4e4f09f98c2b',20,16);
INSERT INTO "run_cells" VALUES('93d79ed0-1283-44b7-8c47-4e4f09f98c2b',30,17);
INSERT INTO "run_cells" VALUES('93d79ed0-1283-44b7-8c47-4e4f09f98c2b',31,18);
INSERT INTO "run_cells" VALUES('93d79ed0-1283-44b7-8c47-4e4f09f98c2b',14,19);
INSERT INTO "run_cells" VALUES('93d79ed0-1283-44b7-8c47-4e4f09f98c2b',28,20);
INSERT INTO "run_cells" VALUES('93d79ed0-1283-44b7-8c47-4e4f09f98c2b',16,21);
INSERT INTO "run_cells" VALUES('93d79ed0-1283-44b7-8c47-4e4f09f98c2b',25,22);
INSERT INTO "run_cells" VALUES('93d79ed0-1283-44b7-8c47-4e4f09f98c2b',19,23);
INSERT INTO "run_cells" VALUES('c26028dc-6d7d-42ac-9d88-cd25858a1927',37,0);
INSERT INTO "run_cells" VALUES('c26028dc-6d7d-42ac-9d88-cd25858a1927',38,1);
INSERT INTO "run_cells" VALUES('c26028dc-6d7d-42ac-9d88-cd25858a1927',36,2);
INSERT INTO "run_cells" VALUES('c26028dc-6d7d-42ac-9d88-cd25858a1927',33,3);
INSERT INTO "run_cells" VALUES('c26028dc-6d7d-42ac-9d88-cd25858a1927',35,4);
INSERT INTO "run_cells" VALUES('c26028dc-6d7d-42ac-9d88-cd25858a1927',40,5);
INSERT INTO "run_cells" VALUES('c26028dc-6d7d-42ac-9d88-cd25858a1927',39,6);
INSERT INTO "run_cells" VALUES('c26028dc-6d7d-42ac-9d88-cd25858a1927',34,7);
INSERT INTO "run_cells" VALUES('ed178378-7cd2-48ac-9cfc-dfcc72a41e7c',44,0);
INSERT INTO "run_cells" VALUES('ed178378-7cd2-48ac-9cfc-dfcc72a41e7c',43,1);
INSERT INTO "run_cells" VALUES('ed178378-7cd2-48ac-9cfc-dfcc72a41e7c',41,2);
INSERT INTO "run_cells" VALUES('ed178378-7cd2-48ac-9cfc-dfcc72a41e7c',42,3);
INSERT INTO "run_cells" VALUES('460a2ac8-7abb-4064-8cc2-cb44b25a8b10',29,0);
INSERT INTO "run_cells" VALUES('460a2ac8-7abb-4064-8cc2-cb44b25a8b10',56,1);
INSERT INTO "run_cells" VALUES('460a2ac8-7abb-4064-8cc2-cb44b25a8b10',58,2);
INSERT INTO "run_cells" VALUES('460a2ac8-7abb-4064-8cc2-cb44b25a8b10',12,3);
INSERT INTO "run_cells" VALUES('460a2ac8-7abb-4064-8cc2-cb44b25a8b10',47,4);
INSERT INTO "run_cells" VALUES('460a2ac8-7abb-4064-8cc2-cb44b25a8b10',49,5);
INSERT INTO "run_cells" VALUES('460a2ac8-7abb-4064-8cc2-cb44b25a8b10',60,6);
INSERT INTO "run_cells" VALUES('460a2ac8-7abb-4064-8cc2-cb44b25a8b10',17,7);
INSERT INTO "run_cells" VALUES('460a2ac8-7abb-4064-8cc2-cb44b25a8b10',63,8);
INSERT INTO "run_cells" VALUES('460a2ac8-7abb-4064-8cc2-cb44b25a8b10',57,9);
INSERT INTO "run_cells" VALUES('460a2ac8-7abb-4064-8cc2-cb44b25a8b10',27,10);
INSERT INTO "run_cells" VALUES('460a2ac8-7abb-4064-8cc2-cb44b25a8b10',64,11);
INSERT INTO "run_cells" VALUES('460a2ac8-7abb-4064-8cc2-cb44b25a8b10',52,12);
INSERT INTO "run_cells" VALUES('460a2ac8-7abb-4064-8cc2-cb44b25a8b10',59,13);
INSERT INTO "run_cells" VALUES('460a2ac8-7abb-4064-8cc2-cb44b25a8b10',13,14);
INSERT INTO "run_cells" VALUES('460a2ac8-7abb-4064-8cc2-cb44b25a8b10',50,15);
INSERT INTO "run_cells" VALUES('460a2ac8-7abb-4064-8cc2-cb44b25a8b10',51,16);
INSERT INTO "run_cells" VALUES('460a2ac8-7abb-4064-8cc2-cb44b25a8b10',20,17);
INSERT INTO "run_cells" VALUES('460a2ac8-7abb-4064-8cc2-cb44b25a8b10',62,18);
INSERT INTO "run_cells" VALUES('460a2ac8-7abb-4064-8cc2-cb44b25a8b10',55,19);
INSERT INTO "run_cells" VALUES('460a2ac8-7abb-4064-8cc2-cb44b25a8b10',53,20);
INSERT INTO "run_cells" VALUES('460a2ac8-7abb-4064-8cc2-cb44b25a8b10',28,21);
INSERT INTO "run_cells" VALUES('460a2ac8-7abb-4064-8cc2-cb44b25a8b10',45,22);
INSERT INTO "run_cells" VALUES('460a2ac8-7abb-4064-8cc2-cb44b25a8b10',48,23);
INSERT INTO "run_cells" VALUES('460a2ac8-7abb-4064-8cc2-cb44b25a8b10',25,24);
INSERT INTO "run_cells" VALUES('460a2ac8-7abb-4064-8cc2-cb44b25a8b10',61,25);
INSERT INTO "run_cells" VALUES('460a2ac8-7abb-4064-8cc2-cb44b25a8b10',54,26);
INSERT INTO "run_cells" VALUES('460a2ac8-7abb-4064-8cc2-cb44b25a8b10',46,27);
INSERT INTO "run_cells" VALUES('3849509e-ba7b-4b66-9467-cbf0f98a3dbb',69,0);
INSERT INTO "run_cells" VALUES('3849509e-ba7b-4b66-9467-cbf0f98a3dbb',87,1);
INSERT INTO "run_cells" VALUES('3849509e-ba7b-4b66-9467-cbf0f98a3dbb',77,2);
INSERT INTO "run_cells" VALUES('3849509e-ba7b-4b66-9467-cbf0f98a3dbb',72,3);
INSERT INTO "run_cells" VALUES('3849509e-ba7b-4b66-9467-cbf0f98a3dbb',66,4);
INSERT INTO "run_cells" VALUES('3849509e-ba7b-4b66-9467-cbf0f98a3dbb',65,5);
INSERT INTO "run_cells" VALUES('3849509e-ba7b-4b66-9467-cbf0f98a3dbb',68,6);
INSERT INTO "run_cells" VALUES('3849509e-ba7b-4b66-9467-cbf0f98a3dbb',79,7);
INSERT INTO "run_cells" VALUES('3849509e-ba7b-4b66-9467-cbf0f98a3dbb',67,8);
INSERT INTO "run_cells" VALUES('3849509e-ba7b-4b66-9467-cbf0f98a3dbb',71,9);
INSERT INTO "run_cells" VALUES('3849509e-ba7b-4b66-9467-cbf0f98a3dbb',76,10);
INSERT INTO "run_cells" VALUES('3849509e-ba7b-4b66-9467-cbf0f98a3dbb',74,11);
INSERT INTO "run_cells" VALUES('3849509e-ba7b-4b66-9467-cbf0f98a3dbb',89,12);
INSERT INTO "run_cells" VALUES('3849509e-ba7b-4b66-9467-cbf0f98a3dbb',80,13);
INSERT INTO "run_cells" VALUES('3849509e-ba7b-4b66-9467-cbf0f98a3dbb',83,14);
INSERT INTO "run_cells" VALUES('3849509e-ba7b-4b66-9467-cbf0f98a3dbb',81,15);
INSERT INTO "run_cells" VALUES('3849509e-ba7b-4b66-9467-cbf0f98a3dbb',70,16);
INSERT INTO "run_cells" VALUES('3849509e-ba7b-4b66-9467-cbf0f98a3dbb',73,17);
INSERT INTO "run_cells" VALUES('3849509e-ba7b-4b66-9467-cbf0f98a3dbb',91,18);
INSERT INTO "run_cells" VALUES('3849509e-ba7b-4b66-9467-cbf0f98a3dbb',88,19);
INSERT INTO "run_cells" VALUES('3849509e-ba7b-4b66-9467-cbf0f98a3dbb',92,20);
INSERT INTO "run_cells" VALUES('3849509e-ba7b-4b66-9467-cbf0f98a3dbb',86,21);
INSERT INTO "run_cells" VALUES('3849509e-ba7b-4b66-9467-cbf0f98a3dbb',82,22);
INSERT INTO "run_cells" VALUES('3849509e-ba7b-4b66-9467-cbf0f98a3dbb',85,23);
INSERT INTO "run_cells" VALUES('3849509e-ba7b-4b66-9467-cbf0f98a3dbb',90,24);
INSERT INTO "run_cells" VALUES('3849509e-ba7b-4b66-9467-cbf0f98a3dbb',84,25);
INSERT INTO "run_cells" VALUES('3849509e-ba7b-4b66-9467-cbf0f98a3dbb',75,26);
INSERT INTO "run_cells" VALUES('3849509e-ba7b-4b66-9467-cbf0f98a3dbb',78,27);
CREATE TABLE runs (
	id VARCHAR NOT NULL, 
	name VARCHAR NOT NULL, 
	state VARCHAR NOT NULL, 
	spec JSON NOT NULL, 
	flow_run_id VARCHAR, 
	started_at DATETIME NOT NULL, 
	finished_at DATETIME, sheet_sha256 VARCHAR CONSTRAINT fk_runs_sheet_sha256 REFERENCES blobs (sha256), owner VARCHAR, seen_at DATETIME, ended_with JSON, 
	CONSTRAINT pk_runs PRIMARY KEY (id), 
	CONSTRAINT ck_runs_state CHECK (state IN ('running', 'completed', 'failed', 'cancelled', 'crashed')), 
	CONSTRAINT uq_runs_flow_run_id UNIQUE (flow_run_id)
);
INSERT INTO "runs" VALUES('fc965ed3-8bab-48cf-a6a6-10d07fa85681','plain','completed','{"name": "released", "profile": "pocket", "subjects": [{"name": "pip", "class_word": "bear", "reference": "/data/pip.png"}, {"name": "momo", "class_word": "teddy bear", "style": "anime", "reference": "/data/momo.png"}], "prompts": ["a {subject} on the beach", "a {style} of a {subject} in the snow, \u96ea"], "seeds": [1, 4294967295], "negative_prompt": "blurry, \u00e9tude"}',NULL,'2026-11-28 20:49:33.711269','2026-11-28 20:49:33.724680',NULL,NULL,'2026-11-28 20:49:33.708644','{"planned": 8}');
INSERT INTO "runs" VALUES('93d79ed0-1283-44b7-8c47-4e4f09f98c2b','layouts','completed','{"name": "released", "profile": "pocket", "subjects": [{"name": "pip", "class_word": "bear", "reference": "/data/pip.png"}, {"name": "momo", "class_word": "teddy bear", "style": "anime", "reference": "/data/momo.png"}], "prompts": ["a {subject} on the beach", "a {style} of a {subject} in the snow, \u96ea"], "seeds": [1, 4294967295], "negative_prompt": "blurry, \u00e9tude"}',NULL,'2026-11-28 20:49:33.729956','2026-11-28 20:49:33.753879',NULL,NULL,'2026-11-28 20:49:33.729086','{"planned": 24}');
INSERT INTO "runs" VALUES('c26028dc-6d7d-42ac-9d88-cd25858a1927','learnt by adapters','completed','{"name": "released", "profile": "pocket", "subjects": [{"name": "pip", "class_word": "bear", "reference": "/data/pip.png"}, {"name": "momo", "class_word": "teddy bear", "style": "anime", "reference": "/data/momo.png"}], "prompts": ["a {subject} on the beach", "a {style} of a {subject} in the snow, \u96ea"], "seeds": [1, 4294967295], "negative_prompt": "blurry, \u00e9tude"}',NULL,'2026-11-28 20:49:33.756469','2026-11-28 20:49:33.761377',NULL,NULL,'2026-11-28 20:49:33.755632','{"planned": 8}');
INSERT INTO "runs" VALUES('ed178378-7cd2-48ac-9cfc-dfcc72a41e7c','learnt by all weights','completed','{"name": "released", "profile": "pocket", "subjects": [{"name": "pip", "class_word": "bear", "reference": "/data/pip.png"}, {"name": "momo", "class_word": "teddy bear", "style": "anime", "reference": "/data/momo.png"}], "prompts": ["a {subject} on the beach", "a {style} of a {subject} in the snow, \u96ea"], "seeds": [1, 4294967295], "negative_prompt": "blurry, \u00e9tude"}',NULL,'2026-11-28 20:49:33.763751','2026-11-28 20:49:33.772125',NULL,NULL,'2026-11-28 20:49:33.762935','{"planned": 4}');
INSERT INTO "runs" VALUES('460a2ac8-7abb-4064-8cc2-cb44b25a8b10','video','completed','{"name": "released", "profile": "pocket", "subjects": [{"name": "pip", "class_word": "bear", "reference": "/data/pip.png"}, {"name": "momo", "class_word": "teddy bear", "style": "anime", "reference": "/data/momo.png"}], "prompts": ["a {subject} on the beach", "a {style} of a {subject} in the snow, \u96ea"], "seeds": [1, 4294967295], "negative_prompt": "blurry, \u00e9tude"}',NULL,'2026-11-28 20:49:33.774629','2026-11-28 20:49:33.787671',NULL,NULL,'2026-11-28 20:49:33.773749','{"planned": 28}');
INSERT INTO "runs" VALUES('3849509e-ba7b-4b66-9467-cbf0f98a3dbb','video of a learnt subject','completed','{"name": "released", "profile": "pocket", "subjects": [{"name": "pip", "class_word": "bear", "reference": "/data/pip.png"}, {"name": "momo", "class_word": "teddy bear", "style": "anime", "reference": "/data/momo.png"}], "prompts": ["a {subject} on the beach", "a {style} of a {subject} in the snow, \u96ea"], "seeds": [1, 4294967295], "negative_prompt": "blurry, \u00e9tude"}',NULL,'2026-11-28 20:49:33.790172','2026-11-28 20:49:33.802168',NULL,NULL,'2026-11-28 20:49:33.789351','{"planned": 28}');
CREATE TABLE scores (
	id INTEGER NOT NULL, 
	output_id INTEGER NOT NULL, 
	metric VARCHAR NOT NULL, 
	version VARCHAR NOT NULL, 
	value DOUBLE NOT NULL, 
	created_at DATETIME NOT NULL, subject_id INTEGER DEFAULT '0' NOT NULL, decision VARCHAR DEFAULT 'none' NOT NULL, current BOOLEAN DEFAULT 1 NOT NULL, 
	CONSTRAINT pk_scores PRIMARY KEY (id), 
	CONSTRAINT fk_scores_output_id FOREIGN KEY(output_id) REFERENCES outputs (id), 
	CONSTRAINT uq_scores_output_id_metric_version UNIQUE (output_id, metric, version)
);
INSERT INTO "scores" VALUES(1,1,'clip_i','1-abc',0.5,'2026-11-28 20:49:33.821772',1,'none',1);
CREATE TABLE sessions (
	token_sha256 VARCHAR NOT NULL, 
	user_id INTEGER NOT NULL, 
	agent VARCHAR NOT NULL, 
	created_at DATETIME NOT NULL, 
	seen_at DATETIME NOT NULL, 
	expires_at DATETIME NOT NULL, 
	CONSTRAINT pk_sessions PRIMARY KEY (token_sha256), 
	CONSTRAINT fk_sessions_user_id FOREIGN KEY(user_id) REFERENCES users (id)
);
CREATE TABLE subjects (
	id INTEGER NOT NULL, 
	name VARCHAR NOT NULL, 
	class_word VARCHAR NOT NULL, 
	style VARCHAR NOT NULL, 
	created_at DATETIME NOT NULL, 
	CONSTRAINT pk_subjects PRIMARY KEY (id), 
	CONSTRAINT uq_subjects_name UNIQUE (name)
);
INSERT INTO "subjects" VALUES(1,'pip','bear','natural','2026-11-28 20:49:33.669323');
INSERT INTO "subjects" VALUES(2,'momo','teddy bear','anime','2026-11-28 20:49:33.694007');
CREATE TABLE throttles (
	"key" VARCHAR NOT NULL, 
	failures INTEGER NOT NULL, 
	blocked_until DATETIME NOT NULL, 
	CONSTRAINT pk_throttles PRIMARY KEY ("key")
);
CREATE TABLE tokens (
	id INTEGER NOT NULL, 
	token_sha256 VARCHAR NOT NULL, 
	user_id INTEGER NOT NULL, 
	name VARCHAR NOT NULL, 
	scope VARCHAR NOT NULL, 
	created_at DATETIME NOT NULL, 
	used_at DATETIME, 
	expires_at DATETIME NOT NULL, 
	CONSTRAINT pk_tokens PRIMARY KEY (id), 
	CONSTRAINT ck_tokens_scope CHECK (scope IN ('viewer', 'reviewer', 'operator', 'admin')), 
	CONSTRAINT fk_tokens_user_id FOREIGN KEY(user_id) REFERENCES users (id), 
	CONSTRAINT uq_tokens_token_sha256 UNIQUE (token_sha256)
);
CREATE TABLE trainings (
	digest VARCHAR NOT NULL, 
	reference_id INTEGER NOT NULL, 
	mask_id INTEGER, 
	profile_id INTEGER NOT NULL, 
	recipe JSON NOT NULL, 
	step INTEGER DEFAULT '0' NOT NULL, 
	resume_sha256 VARCHAR, 
	owner VARCHAR, 
	lease_expires_at DATETIME, 
	error VARCHAR, 
	checkpoint_id INTEGER, 
	created_at DATETIME NOT NULL, 
	updated_at DATETIME NOT NULL, 
	CONSTRAINT pk_trainings PRIMARY KEY (digest), 
	CONSTRAINT ck_trainings_lease CHECK ((owner IS NULL) = (lease_expires_at IS NULL)), 
	CONSTRAINT fk_trainings_reference_id FOREIGN KEY(reference_id) REFERENCES refs (id), 
	CONSTRAINT fk_trainings_mask_id FOREIGN KEY(mask_id) REFERENCES masks (id), 
	CONSTRAINT fk_trainings_profile_id FOREIGN KEY(profile_id) REFERENCES profiles (id), 
	CONSTRAINT fk_trainings_resume_sha256 FOREIGN KEY(resume_sha256) REFERENCES blobs (sha256), 
	CONSTRAINT fk_trainings_checkpoint_id FOREIGN KEY(checkpoint_id) REFERENCES checkpoints (id)
);
INSERT INTO "trainings" VALUES('2e05ca957cf06c5fc72cd4fcadd140a5f11e4060fceb7386a4674e3915b1eb89',1,1,1,'{"reference": "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", "mask": "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb", "caption": "a photo of a bear", "class_word": "bear", "style": "natural", "weights": "e0e0e0e0e0e0e0e0e0e0e0e0e0e0e0e0e0e0e0e0e0e0e0e0e0e0e0e0e0e0e0e0", "finetune": {"steps": 300, "mode": "lora", "rank": 16, "unet_kept": 0.5, "lr": {"unet": 0.0004, "text_encoder": 5e-05, "resblocks": 0.0001, "word": 0.001}, "batch": 1, "flip": 0.5, "beta": 0.5, "word": "[S*]", "init": null, "subject": "{class_word} {word}", "caption": "a {style} of a {subject}", "background": "white", "regular": "subject", "count": 32, "seed": 0, "warmup": 0, "cooldown": 0.0, "ema": 0.0, "preview_every": 50, "previews": ["a {style} of a {subject} on the beach, standing", "a {style} of a {subject} in the snow, arms up"], "patience": null}, "sampling": {"steps": 20, "resolution": 64, "w_ref": 3.0, "p_r": 0.9, "w_r": 2.0, "w_c": 4.0, "dt": 10, "dt_prime": 10, "beta": 0.5}, "previews": {"steps": 20, "resolution": 64, "w_ref": 3.0, "p_r": 0.4, "w_r": 4.0, "w_c": 4.0, "dt": 10, "dt_prime": 10, "beta": 0.5}, "training": 1, "engine": 1}',0,NULL,NULL,NULL,NULL,NULL,'2026-11-28 20:49:33.705216','2026-11-28 20:49:33.705223');
INSERT INTO "trainings" VALUES('ee71cfcfd8b89a906f48a878522babbd1c863d9450e96bddfa49f0ebc6a48e90',2,2,1,'{"reference": "cccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccc", "mask": "dddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddd", "caption": "une peluche \u00e0 carreaux", "class_word": "teddy bear", "style": "anime", "weights": "e0e0e0e0e0e0e0e0e0e0e0e0e0e0e0e0e0e0e0e0e0e0e0e0e0e0e0e0e0e0e0e0", "finetune": {"steps": 300, "mode": "lora", "rank": 16, "unet_kept": 0.5, "lr": {"unet": 0.0004, "text_encoder": 5e-05, "resblocks": 0.0001, "word": 0.001}, "batch": 1, "flip": 0.5, "beta": 0.5, "word": "[S*]", "init": null, "subject": "{class_word} {word}", "caption": "a {style} of a {subject}", "background": "white", "regular": "subject", "count": 32, "seed": 0, "warmup": 0, "cooldown": 0.0, "ema": 0.0, "preview_every": 50, "previews": ["a {style} of a {subject} on the beach, standing", "a {style} of a {subject} in the snow, arms up"], "patience": null}, "sampling": {"steps": 20, "resolution": 64, "w_ref": 2.5, "p_r": 0.9, "w_r": 2.0, "w_c": 4.0, "dt": 10, "dt_prime": 10, "beta": 0.5}, "previews": {"steps": 20, "resolution": 64, "w_ref": 2.5, "p_r": 0.4, "w_r": 4.0, "w_c": 4.0, "dt": 10, "dt_prime": 10, "beta": 0.5}, "training": 1, "engine": 1}',0,NULL,NULL,NULL,NULL,NULL,'2026-11-28 20:49:33.706457','2026-11-28 20:49:33.706467');
INSERT INTO "trainings" VALUES('e97b7e84258b43b7293d371bc8ae39956fb1d25052771086e3188b8b23e7f975',1,1,1,'{"reference": "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", "mask": "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb", "caption": "a photo of a bear", "class_word": "bear", "style": "natural", "weights": "e0e0e0e0e0e0e0e0e0e0e0e0e0e0e0e0e0e0e0e0e0e0e0e0e0e0e0e0e0e0e0e0", "finetune": {"steps": 300, "mode": "full", "rank": 16, "unet_kept": 0.5, "lr": {"unet": 5e-05, "text_encoder": null, "resblocks": 1e-06, "word": 0.001}, "batch": 1, "flip": 0.5, "beta": 0.5, "word": "[S*]", "init": null, "subject": "{class_word} {word}", "caption": "a {style} of a {subject}", "background": "white", "regular": "subject", "count": 32, "seed": 7, "warmup": 0, "cooldown": 0.0, "ema": 0.0, "preview_every": 50, "previews": ["a {style} of a {subject} on the beach, standing", "a {style} of a {subject} in the snow, arms up"], "patience": null}, "sampling": {"steps": 20, "resolution": 64, "w_ref": 3.0, "p_r": 0.9, "w_r": 2.0, "w_c": 4.0, "dt": 10, "dt_prime": 10, "beta": 0.5}, "previews": {"steps": 20, "resolution": 64, "w_ref": 3.0, "p_r": 0.4, "w_r": 4.0, "w_c": 4.0, "dt": 10, "dt_prime": 10, "beta": 0.5}, "training": 1, "engine": 1}',0,NULL,NULL,NULL,NULL,NULL,'2026-11-28 20:49:33.707556','2026-11-28 20:49:33.707560');
INSERT INTO "trainings" VALUES('51657a05a548df81f18662eb6f9dc4a80d4169ddb660348ca34dc00fa8e7ab5e',2,2,1,'{"reference": "cccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccc", "mask": "dddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddd", "caption": "une peluche \u00e0 carreaux", "class_word": "teddy bear", "style": "anime", "weights": "e0e0e0e0e0e0e0e0e0e0e0e0e0e0e0e0e0e0e0e0e0e0e0e0e0e0e0e0e0e0e0e0", "finetune": {"steps": 300, "mode": "full", "rank": 16, "unet_kept": 0.5, "lr": {"unet": 5e-05, "text_encoder": null, "resblocks": 1e-06, "word": 0.001}, "batch": 1, "flip": 0.5, "beta": 0.5, "word": "[S*]", "init": null, "subject": "{class_word} {word}", "caption": "a {style} of a {subject}", "background": "white", "regular": "subject", "count": 32, "seed": 7, "warmup": 0, "cooldown": 0.0, "ema": 0.0, "preview_every": 50, "previews": ["a {style} of a {subject} on the beach, standing", "a {style} of a {subject} in the snow, arms up"], "patience": null}, "sampling": {"steps": 20, "resolution": 64, "w_ref": 2.5, "p_r": 0.9, "w_r": 2.0, "w_c": 4.0, "dt": 10, "dt_prime": 10, "beta": 0.5}, "previews": {"steps": 20, "resolution": 64, "w_ref": 2.5, "p_r": 0.4, "w_r": 4.0, "w_c": 4.0, "dt": 10, "dt_prime": 10, "beta": 0.5}, "training": 1, "engine": 1}',0,NULL,NULL,NULL,NULL,NULL,'2026-11-28 20:49:33.708435','2026-11-28 20:49:33.708438');
CREATE TABLE users (
	id INTEGER NOT NULL, 
	name VARCHAR NOT NULL, 
	role VARCHAR NOT NULL, 
	password VARCHAR, 
	active BOOLEAN DEFAULT 1 NOT NULL, 
	created_at DATETIME NOT NULL, 
	CONSTRAINT pk_users PRIMARY KEY (id), 
	CONSTRAINT ck_users_role CHECK (role IN ('viewer', 'reviewer', 'operator', 'admin')), 
	CONSTRAINT uq_users_name UNIQUE (name)
);
CREATE INDEX ix_runs_started_at ON runs (started_at);
CREATE INDEX ix_refs_subject_id_turn ON refs (subject_id, turn);
CREATE INDEX ix_masks_reference_id_turn ON masks (reference_id, turn);
CREATE INDEX ix_cells_state_id ON cells (state, id);
CREATE INDEX ix_cells_subject_id_id ON cells (subject_id, id);
CREATE INDEX ix_checkpoints_subject_id_id ON checkpoints (subject_id, id);
CREATE INDEX ix_checkpoints_weights_sha256 ON checkpoints (weights_sha256);
CREATE INDEX ix_reviews_reviewer_id ON reviews (reviewer, id);
CREATE INDEX ix_lineage_entity_entity_id_id ON lineage (entity, entity_id, id);
CREATE INDEX ix_blobs_marked_at ON blobs (marked_at) WHERE marked_at IS NOT NULL;
CREATE INDEX ix_refs_image_sha256 ON refs (image_sha256);
CREATE UNIQUE INDEX ix_masks_reference_id_version ON masks (reference_id, version);
CREATE INDEX ix_masks_mask_sha256 ON masks (mask_sha256);
CREATE INDEX ix_runs_sheet_sha256 ON runs (sheet_sha256) WHERE sheet_sha256 IS NOT NULL;
CREATE INDEX ix_cells_checkpoint_id_id ON cells (checkpoint_id, id) WHERE checkpoint_id IS NOT NULL;
CREATE INDEX ix_cells_pose ON cells (pose) WHERE pose IS NOT NULL;
CREATE INDEX ix_run_cells_run_id_position ON run_cells (run_id, position);
CREATE INDEX ix_run_cells_cell_id ON run_cells (cell_id);
CREATE INDEX ix_outputs_subject_id_id ON outputs (subject_id, id);
CREATE INDEX ix_outputs_decision_id ON outputs (decision, id);
CREATE INDEX ix_outputs_image_sha256 ON outputs (image_sha256);
CREATE INDEX ix_scores_metric_current_value_output_id ON scores (metric, current, value, output_id);
CREATE INDEX ix_scores_subject_id_metric_current_value_output_id ON scores (subject_id, metric, current, value, output_id);
CREATE INDEX ix_scores_decision_metric_current_value_output_id ON scores (decision, metric, current, value, output_id);
CREATE TRIGGER reviews_no_update BEFORE UPDATE ON reviews BEGIN SELECT RAISE(ABORT, 'reviews is append-only: add a row instead of changing or deleting one'); END;
CREATE TRIGGER reviews_no_delete BEFORE DELETE ON reviews BEGIN SELECT RAISE(ABORT, 'reviews is append-only: add a row instead of changing or deleting one'); END;
CREATE TRIGGER lineage_no_update BEFORE UPDATE ON lineage BEGIN SELECT RAISE(ABORT, 'lineage is append-only: add a row instead of changing or deleting one'); END;
CREATE TRIGGER lineage_no_delete BEFORE DELETE ON lineage BEGIN SELECT RAISE(ABORT, 'lineage is append-only: add a row instead of changing or deleting one'); END;
CREATE INDEX ix_cells_depth ON cells (depth) WHERE depth IS NOT NULL;
CREATE INDEX ix_cells_reference_pose ON cells (reference_pose) WHERE reference_pose IS NOT NULL;
CREATE INDEX ix_cells_reference_depth ON cells (reference_depth) WHERE reference_depth IS NOT NULL;
CREATE INDEX ix_sessions_user_id ON sessions (user_id);
CREATE INDEX ix_sessions_expires_at ON sessions (expires_at);
CREATE INDEX ix_tokens_user_id ON tokens (user_id);
CREATE INDEX ix_links_user_id ON links (user_id);
CREATE INDEX ix_audit_actor_id ON audit (actor, id);
CREATE INDEX ix_audit_action_id ON audit (action, id);
CREATE INDEX ix_audit_entity_entity_id_id ON audit (entity, entity_id, id);
CREATE INDEX ix_queues_user_id_created_at ON queues (user_id, created_at);
CREATE INDEX ix_batches_created_at ON batches (created_at);
CREATE INDEX ix_reviews_batch_id_id ON reviews (batch_id, id) WHERE batch_id IS NOT NULL;
CREATE TRIGGER audit_no_update BEFORE UPDATE ON audit BEGIN SELECT RAISE(ABORT, 'audit is append-only: add a row instead of changing or deleting one'); END;
CREATE TRIGGER audit_no_delete BEFORE DELETE ON audit BEGIN SELECT RAISE(ABORT, 'audit is append-only: add a row instead of changing or deleting one'); END;
CREATE INDEX ix_identities_user_id ON identities (user_id);
CREATE INDEX ix_attention_maps_output_id_id ON attention_maps (output_id, id);
CREATE INDEX ix_attention_maps_map_sha256 ON attention_maps (map_sha256);
CREATE INDEX ix_trainings_reference_id ON trainings (reference_id);
CREATE INDEX ix_trainings_resume_sha256 ON trainings (resume_sha256) WHERE resume_sha256 IS NOT NULL;
CREATE INDEX ix_trainings_checkpoint_id ON trainings (checkpoint_id) WHERE checkpoint_id IS NOT NULL;
CREATE INDEX ix_measurements_image_sha256 ON measurements (image_sha256);
COMMIT;
